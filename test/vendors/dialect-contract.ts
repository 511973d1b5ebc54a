import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { referencesOf } from "../../src/image/request.ts";
import type { Dialect } from "../../src/vendors/vendor.ts";
import { freeze, JUNK, pathsIn, replaced, thrownBy } from "./junk.ts";
import { receive, sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, bytesOf, CODES, decodeFixture, sampleRecord, INLINE, referenceName } from "./specimens.ts";
import type { Meaning, Subject } from "./subject.ts";

/** The contract of every dialect: how it reads requests, and how it writes errors and pictures. */
export function dialectContract(dialect: Dialect, { requests, meanings, statuses, words = {} }: Subject): void {
  it("every documented request has an expected meaning", () => {
    expect(Object.keys(meanings)).toEqual(Object.keys(requests));
  });

  it.each(Object.entries(requests))("the dialect reads the request %s", (name, wire) => {
    const { request, references = [], turns, warnings = [], responseFormat } = meanings[name] as Meaning;
    const store = new PictureStore();
    const parsed = decodeFixture(dialect, wire, store);
    expect({
      ...parsed.request,
      references: parsed.request.references.map(referenceName),
      turns: parsed.request.turns?.map((turn) => ({ ...turn, references: turn.references.map(referenceName) })),
    }).toEqual({ n: 1, ...request, references, turns });
    expect(parsed.warnings).toEqual(warnings);
    expect(parsed.responseFormat).toBe(responseFormat);
    for (const reference of referencesOf(parsed.request)) {
      if ("picture" in reference) expect(store.get(reference.picture)).toEqual(INLINE);
    }
  });

  it.each(Object.entries(requests))(
    "the dialect reads the request %s with null for absent fields in the same way",
    (_, wire) => {
      const known = Object.keys(Object.assign({}, ...Object.values(requests)) as object);
      const nulls = Object.fromEntries(known.filter((key) => !(key in wire)).map((key) => [key, null]));
      const [plain, withNulls] = [wire, { ...nulls, ...wire }].map((body) =>
        decodeFixture(dialect, body, new PictureStore()),
      );
      expect(withNulls).toEqual(plain);
    },
  );

  it.each(Object.entries(requests))("the dialect does not change the wire value of the request %s", (_, wire) => {
    const { wire: skeleton, pictures } = receive(bytesOf(wire), new PictureStore());
    dialect.decode(freeze(skeleton), freeze(pictures), new Headers());
  });

  it.each(Object.entries(requests))(
    "the dialect rejects junk anywhere in the request %s, and names the field",
    (_, wire) => {
      const { wire: skeleton, pictures } = receive(bytesOf(wire), new PictureStore());
      for (const path of pathsIn(skeleton)) {
        for (const junk of JUNK) {
          const error = thrownBy(() => dialect.decode(replaced(skeleton, path, junk), pictures, new Headers()));
          if (error === undefined) continue;
          expect([path, junk, error]).toEqual([path, junk, expect.any(GatewayError)]);
          const { code, field, message } = error as GatewayError;
          expect([path, junk, code]).toEqual([path, junk, "invalid_request"]);
          expect(message).not.toMatch(/undefined|\[object|NaN/);
          if (path.length > 0) expect(field).toBeTypeOf("string");
        }
      }
    },
  );

  it("the dialect rejects a picture of an unsupported type, and a prompt that is missing, empty or no text", () => {
    const [[name, first] = ["", {}]] = Object.entries(requests);
    // The path of this dialect's prompt, which may be inside a message.
    const path = pathsIn(first).find((path) => valueAt(first, path) === meanings[name]?.request.prompt) ?? [];
    const field = path
      .map((step, i) => (typeof step === "number" ? `[${step}]` : `${i === 0 ? "" : "."}${step}`))
      .join("");
    for (const prompt of [undefined, null, "", " \n", 5]) {
      const error = thrownBy(() => dialect.decode(replaced(first, path, prompt), [], new Headers()));
      expect(error).toMatchObject({ code: "invalid_request", field });
    }
    for (const wire of Object.values(requests)) {
      const { wire: skeleton, pictures } = receive(bytesOf(wire), new PictureStore());
      if (pictures.length === 0) continue;
      const gifs = pictures.map((picture) => ({ ...picture, type: "image/gif" }));
      const error = thrownBy(() => dialect.decode(skeleton, gifs, new Headers()));
      expect(error).toMatchObject({ code: "invalid_request", message: expect.stringContaining("image/gif") as string });
    }
  });

  it("the dialect limits the number and length of its warnings", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${"x".repeat(500)}${i}`, 1]));
    const error = thrownBy(() => {
      const { warnings } = dialect.decode({ ...Object.values(requests)[0], ...many }, [], new Headers());
      expect(warnings.length).toBeGreaterThan(0);
      expect(JSON.stringify(warnings).length).toBeLessThan(2_000);
    });
    if (error !== undefined) expect(error).toMatchObject({ code: "invalid_request" });
  });

  it.each(CODES)("the dialect writes the error %s with a documented status and the message", (code) => {
    const { status, body } = dialect.encodeError(
      new GatewayError(code, "as the test says", { field: "prompt" }),
      "req-1",
    );
    expect(statuses).toContain(status);
    expect(JSON.stringify(body)).toContain(words[code] ?? "as the test says");
  });

  it("the dialect's response has every picture, in order", async () => {
    for (const responseFormat of ["url", "base64"] as const) {
      const store = new PictureStore();
      const record = sampleRecord(store);
      const { wire, pictures } = await sendAndReceive(
        dialect.encode(record, { ...SAMPLE_REQUEST, responseFormat }),
        store,
      );
      const text = JSON.stringify(wire);
      const [first = "", second = ""] =
        pictures.length > 0 ? ["hoisted:0", "hoisted:1"] : record.images.map(({ url }) => url);
      expect(text.indexOf(first)).toBeGreaterThanOrEqual(0);
      expect(text.indexOf(second)).toBeGreaterThan(text.indexOf(first));
      expect(text).not.toContain("picture-");
    }
  });
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce((inside, step) => (inside as Record<string | number, unknown>)[step], value);
}
