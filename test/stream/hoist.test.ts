import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { again, sampled } from "../harness/sample.ts";
import { parseDocuments } from "../../src/stream/read-json.ts";
import { makeDocument, picture } from "./document.ts";
import { chunks, Random } from "./random.ts";
import { hoist } from "./sinks.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const isSame = (a: Uint8Array | undefined, b: Uint8Array) => a !== undefined && Buffer.compare(a, b) === 0;
const isDeepEqual = (a: unknown, b: unknown) => isDeepStrictEqual(a, b);
const png = (length: number, seed = 1) => {
  const { bytes } = picture(new Random(seed), length);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
  return bytes;
};

/** Hoist the document of this seed in chunks of each size; return the first mismatch, or undefined. */
function firstMismatch(seed: number, maxBytes: number, sizes: (number | Random)[]): unknown {
  const document = makeDocument(new Random(seed), maxBytes);
  JSON.parse(document.text);
  const bytes = utf8(document.text);
  for (const size of sizes) {
    const { skeleton, sinks } = hoist(chunks(bytes, size));
    const found = sinks.map((sink, k) => ({
      type: sink.type,
      right: isSame(sink.bytes, document.pictures[k]?.bytes ?? new Uint8Array()),
      ended: sink.ended,
    }));
    const expected = document.pictures.map(({ type }) => ({ type, right: true, ended: 1 }));
    const value = parseDocuments(skeleton);
    if (isDeepEqual(value, document.skeleton) && isDeepEqual(found, expected)) continue;
    return { seed, size: typeof size === "number" ? size : "random", value, found };
  }
  return undefined;
}

describe("Hoist, against documents with known pictures", () => {
  it("every picture is hoisted and everything else kept, for small documents in chunks of any size", () => {
    for (const seed of sampled(1, 80, 20)) {
      const sizes = [1, 2, 3, 7, 13, 1000, 16_384, new Random(seed), Infinity];
      expect(firstMismatch(seed, 900, sizes), again()).toBeUndefined();
    }
  });

  it("every picture is hoisted and everything else kept across the internal slices of 32 KB", () => {
    for (const seed of sampled(1001, 1012, 3)) {
      const sizes = [1000, 16_384, 32_767, new Random(seed), Infinity];
      expect(firstMismatch(seed, 150_000, sizes), again()).toBeUndefined();
    }
  });

  it("the generated documents contain every syntax that matters", () => {
    const all = Array.from({ length: 80 }, (_, n) => makeDocument(new Random(n + 1), 900));
    const text = all.map((document) => document.text).join("\n");
    expect(all.flatMap(({ pictures }) => pictures).length).toBeGreaterThan(300);
    for (const part of [
      "\\/",
      "\\u002f",
      "\\u002B",
      "\\u003d",
      "_9j",
      "/9j",
      ";base64,UklGR",
      "🐈",
      ": ",
      "==)",
      "\\r\\n",
    ]) {
      expect(text).toContain(part);
    }
  });

  it("arrays and server-sent events are accepted", () => {
    const [one, two] = [png(1000, 1), png(5000, 2)];
    const list = `[{"b64":"${base64(one)}"},{"b64":"${base64(two)}"}]`;
    const events = `event: a\r\ndata: {"b64":"${base64(one)}"}\r\n\r\n: note\n\ndata: {"b64":\ndata: "${base64(two)}"}\n\ndata: [DONE]\n\n`;
    for (const text of [list, events]) {
      for (const size of [1, 13, Infinity]) {
        const { skeleton, sinks } = hoist(chunks(utf8(text), size));
        expect(parseDocuments(skeleton)).toEqual([{ b64: "hoisted:0" }, { b64: "hoisted:1" }]);
        expect(isSame(sinks[0]?.bytes, one) && isSame(sinks[1]?.bytes, two)).toBe(true);
      }
    }
  });

  it("pictures of duplicate keys are all hoisted, and __proto__ is an ordinary key", () => {
    const { skeleton, sinks } = hoist([
      utf8(`{"a":"${base64(png(90))}","a":"${base64(png(91))}","__proto__":{"x":1}}`),
    ]);
    const value = parseDocuments(skeleton) as Record<string, unknown>;
    expect(sinks).toHaveLength(2);
    expect(value["a"]).toBe("hoisted:1");
    expect(Object.keys(value)).toEqual(["a", "__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value["x"]).toBeUndefined();
  });

  it("white space between lines of base64 is distinguished from white space after a picture", () => {
    const bytes = png(600);
    const text = base64(bytes);
    for (const line of [64, 76]) {
      const lines = text.replace(new RegExp(`(.{${line}})`, "g"), "$1\\r\\n");
      for (const size of [1, 5, Infinity]) {
        const { skeleton, sinks } = hoist(chunks(utf8(`{"a":"data:image/png;base64,${lines}"}`), size));
        expect(parseDocuments(skeleton)).toEqual({ a: "data:image/png;base64,hoisted:0" });
        expect(isSame(sinks[0]?.bytes, bytes)).toBe(true);
      }
    }
    // 600 bytes need no padding: only the space shows that "Here" is not base64.
    for (const after of [" Here you are", "\\nHere", "\\tHere", "\\r\\nHere"]) {
      for (const size of [1, 5, Infinity]) {
        const { skeleton, sinks } = hoist(chunks(utf8(`{"a":"data:image/png;base64,${text}${after}"}`), size));
        expect(parseDocuments(skeleton)).toEqual(JSON.parse(`{"a":"data:image/png;base64,hoisted:0${after}"}`));
        expect(isSame(sinks[0]?.bytes, bytes)).toBe(true);
      }
    }
  });

  it("inPicture is true only inside a picture", async () => {
    const { Hoist } = await import("../../src/stream/hoist.ts");
    const { MemorySink } = await import("./sinks.ts");
    const hoisting = new Hoist({ open: () => new MemorySink(), skeletonBytes: 100, depth: 2 });
    const seen = [`{"a":"`, base64(png(90)), `","b":"`, "iVBOR", `"}`].map((text) => {
      hoisting.push(utf8(text));
      return hoisting.inPicture;
    });
    expect(seen).toEqual([false, true, false, false, false]);
    expect(hoisting.pictures).toBe(1);
  });
});
