import { describe, expect, it } from "vitest";
import page from "../../docs/errors.md?raw";
import { type ErrorCode, GatewayError, STATUS } from "../../src/errors.ts";
import { REASONS, STATUSES } from "../../src/vendors/error-codes.ts";
import { noImageError } from "../../src/vendors/vendor-errors.ts";
import { vendors } from "../../src/vendors/index.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

/** The rows of the page's tables, as cells, without the head. */
const tables = page
  .split(/\n\n+/)
  .filter((block) => block.startsWith("|"))
  .map((block) => {
    const [head = [], , ...rows] = block.split("\n").map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
    return { head, rows };
  });
const [dialectsTable, vendorsTable] = tables as [(typeof tables)[0], (typeof tables)[0]];
const codeSpans = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);
const providers = vendors
  .flatMap(({ provider }) => provider ?? [])
  .filter(({ localFetch }) => localFetch === undefined);

describe("docs/errors.md, statuses of each dialect", () => {
  const dialects = vendors.flatMap(({ dialect }) => dialect ?? []);

  it("the table has every error code and every dialect", () => {
    expect(dialectsTable.rows.flatMap(([code = ""]) => codeSpans(code)).toSorted()).toEqual(
      Object.keys(STATUS).toSorted(),
    );
    expect(new Set(dialectsTable.head.slice(2))).toEqual(new Set(dialects.map(({ name }) => name)));
  });

  it.each(dialectsTable.rows)("the table's row %s has each dialect's status", (cell, _, ...statuses) => {
    const code = codeSpans(cell)[0] as ErrorCode;
    for (const { name, encodeError } of dialects) {
      const [lasting, passing = lasting] = (statuses[dialectsTable.head.indexOf(name) - 2] ?? "")
        .split(", ")
        .map(Number);
      const found = [false, true].map((retryable) => encodeError(new GatewayError(code, "", { retryable }), "").status);
      expect([name, ...found]).toEqual([name, lasting, passing]);
    }
  });
});

describe("docs/errors.md, vendors' errors", () => {
  /** Each status, code and reason of a row; `whose` is set if only one vendor has it. */
  const entries = vendorsTable.rows.flatMap(([says = "", becomes = "", again, canFailover]) =>
    says.split("; ").flatMap((part) => {
      const whose = /^(\w+)'s /.exec(part)?.[1]?.toLowerCase();
      const expected = { code: codeSpans(becomes)[0], retryable: again === "yes", canFailover: canFailover === "yes" };
      return codeSpans(part).map((word) => ({ word, whose, expected }));
    }),
  );
  const isNumber = (word: string) => /^\d+$/.test(word);

  it("the table has every status and every reason once", () => {
    const usual = entries.filter(({ whose }) => whose === undefined).map(({ word }) => word);
    expect(usual.filter(isNumber).toSorted()).toEqual(Object.keys(STATUSES).toSorted());
    expect(usual.filter((word) => !isNumber(word)).toSorted()).toEqual(Object.keys(REASONS).toSorted());
  });

  it.each(entries.filter(({ word }) => !isNumber(word)))(
    "a response that ends with $word has the documented error code",
    ({ word, expected }) => {
      expect(noImageError("somebody", [word]).code).toBe(expected.code);
    },
  );

  const numbers = entries.filter(({ word }) => isNumber(word));
  // A number with a special meaning for one vendor has its usual meaning for the others.
  const cases = numbers.flatMap(({ word, whose, expected }) =>
    providers
      .filter(({ name }) =>
        whose === undefined ? !numbers.some((other) => other.whose === name && other.word === word) : name === whose,
      )
      .map((provider) => ({ provider, name: provider.name, word, expected })),
  );
  it.each(cases)("$word from $name becomes the documented error", ({ provider, word, expected }) => {
    const number = Number(word);
    const status = number < 1000 ? number : 200;
    const wire =
      number < 1000 ? { error: { message: "as the test says" } } : { code: number, message: "as the test says" };
    expect(thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request))).toMatchObject(
      expected,
    );
  });

  it("the table has every vendor whose statuses differ from the usual ones", () => {
    const statuses = [...Array(200).keys()].map((step) => 400 + step);
    const differing = providers.flatMap(({ name, decode }) =>
      statuses.flatMap((status) => {
        const error = thrownBy(() =>
          decode(status, { error: "as the test says" }, new Headers(), SAMPLE_REQUEST.request),
        );
        const { code, retryable } = error as GatewayError;
        const known = numbers.find(({ word, whose }) => Number(word) === status && whose === undefined)?.expected;
        const usual = known ?? { code: "vendor_error", retryable: false };
        return code === usual.code && retryable === usual.retryable ? [] : [`${name} ${status}`];
      }),
    );
    const listed = numbers.flatMap(({ word, whose }) =>
      whose !== undefined && Number(word) < 1000 ? [`${whose} ${word}`] : [],
    );
    expect(differing.toSorted()).toEqual(listed.toSorted());
  });
});
