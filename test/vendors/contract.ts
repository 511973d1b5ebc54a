import { describe, expect, it } from "vitest";
import { type ErrorCode, GatewayError, STATUS } from "../../src/errors.ts";
import { fit } from "../../src/image/fit.ts";
import type { ModelSpec } from "../../src/image/models.ts";
import type { GenerationRecord, ImageRequest, Reference } from "../../src/image/request.ts";
import type { Asked, Dialect, Provider, Vendor } from "../../src/vendors/vendor.ts";
import { png, webp } from "../image/pictures.ts";
import { arrive, overTheWire, Shelf } from "./over-the-wire.ts";

/** What a vendor's own test says of it; all else is the same for every vendor. */
export interface Subject {
  vendor: Vendor;
  /** Copied from its document: name → request. Base64 that the document leaves out is put in. */
  requests: Record<string, object>;
  /** The same names → what each means, warnings included. */
  meanings: Record<string, Meaning>;
  /** Copied from its document: name → answer, of one picture each. */
  answers?: Record<string, object>;
  /** Statuses that its document has for failures. */
  statuses: readonly number[];
  /** What a failure reads as on the way back, where its wire cannot tell it from another. */
  readBack?: Partial<Record<ErrorCode, ErrorCode>>;
}

export interface Meaning {
  request: Omit<Partial<ImageRequest>, "references">;
  /** URLs; `inline` for a picture in the request itself. */
  references?: string[];
  warnings?: string[];
  as?: Asked["as"];
  /** What the vendor's provider sends for it, if it is not the request itself. */
  sent?: object;
}

const CODES = Object.keys(STATUS) as ErrorCode[];
const INLINE = png(20, 10);
const URL_REFERENCE = "https://example.com/reference.png";
/** How documents write base64 that they leave out. */
const LEFT_OUT = /<BASE64_ENCODED_IMAGE>|iVBORw0KGgoAAAANSUhEUgAA\.\.\./g;
const JUNK: readonly unknown[] = [
  null,
  undefined,
  0,
  -1,
  1e99,
  "",
  "x",
  "hoisted:9",
  [],
  {},
  true,
  [null],
  [[]],
  { a: 1 },
];

/** The suite that every vendor passes, whichever directions it has. */
export function contract(subject: Subject): void {
  const { dialect, provider } = subject.vendor;
  const dialects = dialect === undefined ? [] : [dialect];
  const providers = provider === undefined ? [] : [provider];
  const loops = dialects.flatMap((dialect) => providers.map((provider) => ({ dialect, provider })));
  describe.each(dialects)("the dialect", (dialect) => {
    dialectContract(dialect, subject);
  });
  describe.each(providers)("the provider", (provider) => {
    providerContract(provider, subject);
  });
  describe.each(loops)("both in a loop", ({ dialect, provider }) => {
    loop(dialect, provider, subject);
  });
}

function dialectContract(dialect: Dialect, { requests, meanings, statuses }: Subject): void {
  it("knows what every request of the document means", () => {
    expect(Object.keys(meanings)).toEqual(Object.keys(requests));
  });

  it.each(Object.entries(requests))("reads %s", (name, wire) => {
    const { request, references = [], warnings = [], as } = meanings[name] as Meaning;
    const shelf = new Shelf();
    const asked = decode(dialect, wire, shelf);
    expect({ ...asked.request, references: asked.request.references.map(shown) }).toEqual({
      n: 1,
      ...request,
      references,
    });
    expect(asked.warnings).toEqual(warnings);
    expect(asked.as).toBe(as);
    for (const reference of asked.request.references) {
      if ("picture" in reference) expect(shelf.get(reference.picture)).toEqual(INLINE);
    }
  });

  it.each(Object.entries(requests))("reads %s the same with null for what is left out", (_, wire) => {
    const known = Object.keys(Object.assign({}, ...Object.values(requests)) as object);
    const nulls = Object.fromEntries(known.filter((key) => !(key in wire)).map((key) => [key, null]));
    const [plain, withNulls] = [wire, { ...nulls, ...wire }].map((each) => decode(dialect, each, new Shelf()));
    expect(withNulls).toEqual(plain);
  });

  it.each(Object.entries(requests))("takes %s without changing it", (_, wire) => {
    const { wire: whole, pictures } = arrive(bytesOf(wire), new Shelf());
    decodeArrived(dialect, freeze(whole), freeze(pictures));
  });

  it.each(Object.entries(requests))("refuses junk anywhere in %s with a field's name", (_, wire) => {
    const { wire: whole, pictures } = arrive(bytesOf(wire), new Shelf());
    for (const path of pathsIn(whole)) {
      for (const junk of JUNK) {
        const error = thrownBy(() => decodeArrived(dialect, replaced(whole, path, junk), pictures));
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
    for (const prompt of [undefined, null, "", " \n", 5]) {
      const error = thrownBy(() => decodeArrived(dialect, { ...Object.values(requests)[0], prompt }, []));
      expect(error).toMatchObject({ code: "invalid_request", field: "prompt" });
    }
    for (const wire of Object.values(requests)) {
      const { wire: whole, pictures } = arrive(bytesOf(wire), new Shelf());
      if (pictures.length === 0) continue;
      const gifs = pictures.map((picture) => ({ ...picture, type: "image/gif" }));
      const error = thrownBy(() => decodeArrived(dialect, whole, gifs));
      expect(error).toMatchObject({ code: "invalid_request", message: expect.stringContaining("image/gif") as string });
    }
  });

  it("keeps warnings few and short", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${"x".repeat(500)}${i}`, 1]));
    const error = thrownBy(() => {
      const { warnings } = decodeArrived(dialect, { ...Object.values(requests)[0], ...many }, []);
      expect(warnings.length).toBeGreaterThan(0);
      expect(JSON.stringify(warnings).length).toBeLessThan(2_000);
    });
    if (error !== undefined) expect(error).toMatchObject({ code: "invalid_request" });
  });

  it.each(CODES)("tells of %s in a documented status, with the message", (code) => {
    const { status, body } = dialect.fail(new GatewayError(code, "as the test says", { field: "prompt" }), "req-1");
    expect(statuses).toContain(status);
    expect(JSON.stringify(body)).toContain("as the test says");
  });

  it("answers every picture, in order", async () => {
    for (const as of ["url", "base64"] as const) {
      const shelf = new Shelf();
      const record = drawn(shelf);
      const { wire, pictures } = await overTheWire(dialect.encode(record, { ...ASKED, as }), shelf);
      const text = JSON.stringify(wire);
      const [first = "", second = ""] =
        pictures.length > 0 ? ["hoisted:0", "hoisted:1"] : record.images.map(({ url }) => url);
      expect(text.indexOf(first)).toBeGreaterThanOrEqual(0);
      expect(text.indexOf(second)).toBeGreaterThan(text.indexOf(first));
      expect(text).not.toContain("picture-");
    }
  });
}

function providerContract(provider: Provider, { requests, meanings, answers = {} }: Subject): void {
  it("says what it can do with each model consistently", () => {
    for (const spec of Object.values(provider.models)) {
      if (spec.defaultSize !== undefined) expect(spec.sizes).toContain(spec.defaultSize);
      if (spec.defaultRatio !== undefined) expect(spec.ratios).toContain(spec.defaultRatio);
      expect(spec.referenceSchemes).toContain("https");
    }
  });

  it.each(Object.entries(answers))("finds the one picture in %s", (_, answer) => {
    const { wire } = arrive(bytesOf(answer), new Shelf());
    expect(provider.decode(200, wire, new Headers()).images).toHaveLength(1);
  });

  it.each(Object.entries(answers))("survives junk anywhere in %s", (_, answer) => {
    const { wire } = arrive(bytesOf(answer), new Shelf());
    for (const path of pathsIn(wire)) {
      for (const junk of JUNK) {
        for (const status of [200, 400, 503]) {
          const error = thrownBy(() => provider.decode(status, replaced(wire, path, junk), new Headers()));
          if (error !== undefined) expect([path, junk, error]).toEqual([path, junk, expect.any(GatewayError)]);
          else expect(status).toBe(200);
        }
      }
    }
  });

  it("answers no error with a picture, and no nothing with success", () => {
    for (const wire of [
      undefined,
      null,
      {},
      [],
      "",
      "an HTML page",
      { error: "no" },
      { error: {} },
      { data: [] },
      { candidates: [] },
    ]) {
      for (const status of [200, 400, 401, 402, 404, 429, 500, 503]) {
        const error = thrownBy(() => provider.decode(status, wire, new Headers()));
        expect([wire, status, error]).toEqual([wire, status, expect.any(GatewayError)]);
        expect((error as GatewayError).vendorStatus ?? status).toBe(status);
      }
    }
  });

  it("holds the operator's key against nobody", () => {
    for (const status of [401, 403]) {
      const error = thrownBy(() => provider.decode(status, { message: "bad key" }, new Headers()));
      expect(error).toMatchObject({ code: "vendor_error", retryable: false });
    }
  });

  it.each(Object.entries(requests))("sends %s as the document has it", async (name, wire) => {
    const { request, spec, shelf } = asDecoded(name, wire);
    const outgoing = provider.encode(request, spec);
    expect(provider.encode(request, spec)).toEqual(outgoing);
    expect(outgoing.path).toMatch(/^\/[\w/]+$/);
    const sent = await overTheWire(outgoing.body, shelf);
    const { wire: documented } = arrive(bytesOf({ ...wire, ...meanings[name]?.sent }), new Shelf());
    expect(sent.wire).toEqual(documented);
  });

  function asDecoded(name: string, wire: object) {
    const shelf = new Shelf();
    const { pictures } = arrive(bytesOf(wire), shelf);
    const { request, references = [] } = meanings[name] as Meaning;
    const asked = { n: 1, ...request, references: references.map((url) => referenceOf(url, pictures)) } as ImageRequest;
    const spec = provider.models[asked.model] as ModelSpec;
    return { request: fit(asked, spec).request, spec, shelf };
  }
}

function loop(dialect: Dialect, provider: Provider, { readBack = {} }: Subject): void {
  const cases = Object.entries(provider.models).flatMap(([model, spec]) =>
    variants(spec).map((more) => ({ model, spec, more })),
  );

  it.each(cases)("$model $more", async ({ model, spec, more }) => {
    const shelf = new Shelf();
    const references: Reference[] = [
      { picture: shelf.put(INLINE) },
      { url: URL_REFERENCE },
      { picture: shelf.put(webp.lossy(9, 9)) },
    ];
    const request = fit({ model, prompt: 'a "cat"\n\u2028 一只猫', n: 1, references, ...more }, spec).request;
    const { wire, pictures } = await overTheWire(provider.encode(request, spec).body, shelf);
    const asked = dialect.decode(wire, pictures, new Headers());
    const bytes = (reference: Reference) => ("url" in reference ? reference.url : shelf.get(reference.picture));
    const comparable = ({ references, ...rest }: ImageRequest) => ({ ...rest, references: references.map(bytes) });
    expect(comparable(asked.request)).toEqual(comparable(request));
    expect(asked.warnings).toEqual([]);
  });

  it("what is answered reads as the same pictures", async () => {
    const shelf = new Shelf();
    const record = drawn(shelf);
    const { wire, pictures } = await overTheWire(dialect.encode(record, { ...ASKED, as: "url" }), shelf);
    const { images } = provider.decode(200, wire, new Headers());
    expect(images).toHaveLength(2);
    images.forEach((carrier, index) => {
      const image = record.images[index];
      if (image === undefined) throw new Error("more pictures came back");
      if ("url" in carrier) expect(carrier.url).toBe(image.url);
      else expect(shelf.get(pictures[carrier.hoisted] ?? image)).toEqual(shelf.get(image));
    });
  });

  it.each(CODES)("%s reads as itself, or as what its wire has for it", async (code) => {
    const { status, body } = dialect.fail(new GatewayError(code, "as the test says"), "req-1");
    const { wire } = await overTheWire(body, new Shelf());
    const error = thrownBy(() => provider.decode(status, wire, new Headers()));
    expect(error).toMatchObject({
      code: readBack[code] ?? code,
      message: expect.stringContaining("as the test says") as string,
    });
  });
}

const ASKED: Asked = { request: { model: "", prompt: "a cat", n: 2, references: [] }, warnings: [] };

/** A record of two pictures. */
function drawn(shelf: Shelf): GenerationRecord {
  const images = [INLINE, webp.lossy(30, 20)].map((bytes, n) => ({
    ...shelf.put(bytes),
    url: `https://easel.example/images/id/${n}`,
  }));
  const times = { createdAt: "2026-11-20T00:00:00.000Z", finishedAt: "2026-11-20T00:00:01.000Z" };
  return {
    id: "id",
    status: "succeeded",
    dialect: "d",
    vendor: "v",
    model: "m",
    images,
    warnings: [],
    attempts: [],
    ...times,
  };
}

/** Each ratio and size that a model takes, and each quality. */
function variants(spec: ModelSpec): Partial<ImageRequest>[] {
  const sizes = spec.sizes.length === 0 ? [undefined] : spec.sizes;
  const shapes = sizes.flatMap((size) => spec.ratios.map((aspectRatio) => ({ size, aspectRatio })));
  return [...shapes, ...spec.qualities.map((quality) => ({ ...shapes[0], quality }))];
}

function referenceOf(url: string, pictures: StoredPictures): Reference {
  const [picture] = pictures;
  return url === "inline" && picture !== undefined ? { picture } : { url };
}
type StoredPictures = Parameters<Dialect["decode"]>[1];

function shown(reference: Reference): string {
  return "url" in reference ? reference.url : "inline";
}

/** A fixture as bytes, with the base64 that its document left out. */
function bytesOf(fixture: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(fixture).replace(LEFT_OUT, INLINE.toBase64()));
}

function decode(dialect: Dialect, fixture: object, shelf: Shelf): Asked {
  const { wire, pictures } = arrive(bytesOf(fixture), shelf);
  return decodeArrived(dialect, wire, pictures);
}

function decodeArrived(dialect: Dialect, wire: unknown, pictures: StoredPictures): Asked {
  return dialect.decode(wire, pictures, new Headers());
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The path of every value inside `value`, itself included. */
function pathsIn(value: unknown): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const inside = Object.entries(value).flatMap(([key, member]) => {
    const step = Array.isArray(value) ? Number(key) : key;
    return pathsIn(member).map((path) => [step, ...path]);
  });
  return [[], ...inside];
}

function replaced(value: unknown, [step, ...rest]: (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<
    string | number,
    unknown
  >;
  copy[step] = replaced(copy[step], rest, by);
  return copy;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}
