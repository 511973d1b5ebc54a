import { expect, it } from "vitest";
import { GatewayError } from "../../src/errors.ts";
import { referencesOf } from "../../src/image/request.ts";
import type { Dialect } from "../../src/vendors/vendor.ts";
import { freeze, JUNK, pathsIn, replaced, thrownBy } from "./junk.ts";
import { receive, sendAndReceive, PictureStore } from "./over-the-wire.ts";
import { SAMPLE_REQUEST, bytesOf, CODES, decodeFixture, sampleRecord, INLINE, referenceName } from "./specimens.ts";
import type { Meaning, Subject } from "./subject.ts";

/** What every dialect does with requests, and says of failures and pictures. */
export function dialectContract(dialect: Dialect, { requests, meanings, statuses, words = {} }: Subject): void {
  it("knows what every request of the document means", () => {
    expect(Object.keys(meanings)).toEqual(Object.keys(requests));
  });

  it.each(Object.entries(requests))("reads %s", (name, wire) => {
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

  it.each(Object.entries(requests))("reads %s the same with null for what is left out", (_, wire) => {
    const known = Object.keys(Object.assign({}, ...Object.values(requests)) as object);
    const nulls = Object.fromEntries(known.filter((key) => !(key in wire)).map((key) => [key, null]));
    const [plain, withNulls] = [wire, { ...nulls, ...wire }].map((each) =>
      decodeFixture(dialect, each, new PictureStore()),
    );
    expect(withNulls).toEqual(plain);
  });

  it.each(Object.entries(requests))("takes %s without changing it", (_, wire) => {
    const { wire: skeleton, pictures } = receive(bytesOf(wire), new PictureStore());
    dialect.decode(freeze(skeleton), freeze(pictures), new Headers());
  });

  it.each(Object.entries(requests))("refuses junk anywhere in %s with a field's name", (_, wire) => {
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
  });

  it("refuses a picture of a type that vendors do not take, and a prompt that is none", () => {
    const [[name, first] = ["", {}]] = Object.entries(requests);
    // Where this dialect has its prompt: in a message, perhaps.
    const path = pathsIn(first).find((each) => valueAt(first, each) === meanings[name]?.request.prompt) ?? [];
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

  it("keeps warnings few and short", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${"x".repeat(500)}${i}`, 1]));
    const error = thrownBy(() => {
      const { warnings } = dialect.decode({ ...Object.values(requests)[0], ...many }, [], new Headers());
      expect(warnings.length).toBeGreaterThan(0);
      expect(JSON.stringify(warnings).length).toBeLessThan(2_000);
    });
    if (error !== undefined) expect(error).toMatchObject({ code: "invalid_request" });
  });

  it.each(CODES)("tells of %s in a documented status, with the message", (code) => {
    const { status, body } = dialect.encodeError(
      new GatewayError(code, "as the test says", { field: "prompt" }),
      "req-1",
    );
    expect(statuses).toContain(status);
    expect(JSON.stringify(body)).toContain(words[code] ?? "as the test says");
  });

  it("answers every picture, in order", async () => {
    for (const as of ["url", "base64"] as const) {
      const store = new PictureStore();
      const record = sampleRecord(store);
      const { wire, pictures } = await sendAndReceive(
        dialect.encode(record, { ...SAMPLE_REQUEST, responseFormat: as }),
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
