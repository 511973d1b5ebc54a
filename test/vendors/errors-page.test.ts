import { describe, expect, it } from "vitest";
import page from "../../docs/errors.md?raw";
import { type ErrorCode, GatewayError, STATUS } from "../../src/errors.ts";
import { REASONS, STATUSES } from "../../src/vendors/error-codes.ts";
import { noImageError } from "../../src/vendors/vendor-errors.ts";
import { vendors } from "../../src/vendors/index.ts";
import { thrownBy } from "./junk.ts";
import { SAMPLE_REQUEST } from "./specimens.ts";

/** Rows of the page's tables, cell by cell; the first is the head. */
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
  .filter(({ localFetch: answer }) => answer === undefined);

describe("docs/errors.md, statuses of each dialect", () => {
  const dialects = vendors.flatMap(({ dialect }) => dialect ?? []);

  it("has every code, and every dialect", () => {
    expect(dialectsTable.rows.flatMap(([code = ""]) => codeSpans(code)).toSorted()).toEqual(
      Object.keys(STATUS).toSorted(),
    );
    expect(new Set(dialectsTable.head.slice(2))).toEqual(new Set(dialects.map(({ name }) => name)));
  });

  it.each(dialectsTable.rows)("%s", (cell, _, ...statuses) => {
    const code = codeSpans(cell)[0] as ErrorCode;
    for (const { name, encodeError: fail } of dialects) {
      const [lasting, passing = lasting] = (statuses[dialectsTable.head.indexOf(name) - 2] ?? "")
        .split(", ")
        .map(Number);
      const found = [false, true].map((retryable) => fail(new GatewayError(code, "", { retryable }), "").status);
      expect([name, ...found]).toEqual([name, lasting, passing]);
    }
  });
});

describe("docs/errors.md, what a vendor's refusal becomes", () => {
  /** Each status, code and reason of a row, `whose` where it is one vendor's. */
  const entries = vendorsTable.rows.flatMap(([says = "", becomes = "", again, canFailover]) =>
    says.split("; ").flatMap((part) => {
      const whose = /^(\w+)'s /.exec(part)?.[1]?.toLowerCase();
      const expected = { code: codeSpans(becomes)[0], retryable: again === "yes", canFailover: canFailover === "yes" };
      return codeSpans(part).map((word) => ({ word, whose, expected }));
    }),
  );
  const isNumber = (word: string) => /^\d+$/.test(word);

  it("has every status and every reason, once", () => {
    const usual = entries.filter(({ whose }) => whose === undefined).map(({ word }) => word);
    expect(usual.filter(isNumber).toSorted()).toEqual(Object.keys(STATUSES).toSorted());
    expect(usual.filter((word) => !isNumber(word)).toSorted()).toEqual(Object.keys(REASONS).toSorted());
  });

  it.each(entries.filter(({ word }) => !isNumber(word)))("$word", ({ word, expected }) => {
    expect(noImageError("somebody", [word]).code).toBe(expected.code);
  });

  const numbers = entries.filter(({ word }) => isNumber(word));
  // What one vendor says otherwise is for the others what it usually is.
  const cases = numbers.flatMap(({ word, whose, expected }) =>
    providers
      .filter(({ name }) =>
        whose === undefined ? !numbers.some((other) => other.whose === name && other.word === word) : name === whose,
      )
      .map((provider) => ({ provider, name: provider.name, word, expected })),
  );
  it.each(cases)("$word of $name", ({ provider, word, expected }) => {
    const number = Number(word);
    const status = number < 1000 ? number : 200;
    const wire =
      number < 1000 ? { error: { message: "as the test says" } } : { code: number, message: "as the test says" };
    expect(thrownBy(() => provider.decode(status, wire, new Headers(), SAMPLE_REQUEST.request))).toMatchObject(
      expected,
    );
  });

  it("has every vendor that differs", () => {
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
    const told = numbers.flatMap(({ word, whose }) =>
      whose !== undefined && Number(word) < 1000 ? [`${whose} ${word}`] : [],
    );
    expect(differing.toSorted()).toEqual(told.toSorted());
  });
});
