import { describe, expect, it } from "vitest";
import { dimensions, detectType } from "../../src/image/detect-type.ts";
import { bytes, FILES, gif, heif, jpeg, png, webp } from "./pictures.ts";

describe("detectType", () => {
  it.each(FILES)("detectType recognizes %s by 12, 16 and all of its bytes", (_, type, file) => {
    for (const length of [12, 16, file.length]) expect(detectType(file.subarray(0, length))).toBe(type);
  });

  it.each([
    ["avif by a compatible brand", heif("mif1", 8, 8, ["miaf", "avif"]), "image/avif"],
    ["heic by a compatible brand", heif("mif1", 8, 8, ["miaf", "heic"]), "image/heic"],
    ["a bare HEIF", heif("mif1", 8, 8), "image/heic"],
    ["an avif sequence", heif("avis", 8, 8), "image/avif"],
    ["an old gif", bytes("GIF87a\x01\0\x01\0\0\0"), "image/gif"],
    [
      "a jpeg that opens with a quantization table",
      Uint8Array.of(0xff, 0xd8, 0xff, 0xdb, 0, 67, 0, 1, 2, 3, 4, 5),
      "image/jpeg",
    ],
  ])("detectType recognizes %s", (_, head, type) => expect(detectType(head)).toBe(type));

  it.each([
    ["nothing", bytes("")],
    ["HTML", bytes("<!doctype html><html>")],
    ["SVG", bytes('<svg xmlns="http://www.w3.org/2000/svg">')],
    ["XML", bytes('<?xml version="1.0"?><svg/>')],
    ["PDF", bytes("%PDF-1.7\n%....")],
    ["text", bytes("I cannot draw that.")],
    ["JSON", bytes('{"error":{"message":"no"}}')],
    ["base64 of a png", bytes("iVBORw0KGgoAAAANSUhEUg")],
    ["HTML that names PNG", bytes("\x89PNG<script>alert(1)</script>")],
    ["a png whose line ends were translated", bytes("\x89PNG\n\x1a\n\0\0\0\rIHDR")],
    ["a RIFF that is sound", bytes("RIFF\x24\0\0\0WAVEfmt ")],
    ["an mp4", heif("isom", 640, 480, ["avif"])],
    ["a jpeg start and an end", Uint8Array.of(0xff, 0xd8, 0xff, 0xd9, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["a jpeg start and text", bytes("\xff\xd8\xff<script>alert(1)")],
  ])("detectType returns undefined for %s", (_, head) => expect(detectType(head)).toBeUndefined());
});

describe("dimensions", () => {
  it.each(FILES)("dimensions reads the pixels of %s", (_, type, file) => {
    expect(dimensions(type, file)).toEqual({ width: 640, height: 480 });
  });

  it.each([
    ["png", "image/png", png(12288, 1536), 12288, 1536],
    ["jpeg past a long EXIF", "image/jpeg", jpeg(5504, 3072, { exif: 60_000 }), 5504, 3072],
    ["gif", "image/gif", gif(65535, 1), 65535, 1],
    ["lossy webp", "image/webp", webp.lossy(16383, 1), 16383, 1],
    ["lossless webp", "image/webp", webp.lossless(16384, 16384), 16384, 16384],
    ["extended webp", "image/webp", webp.extended(0x1000000, 2), 0x1000000, 2],
    ["avif", "image/avif", heif("avif", 4096, 2160), 4096, 2160],
  ])("dimensions reads the pixels of a large %s", (_, type, file, width, height) => {
    expect(dimensions(type, file)).toEqual({ width, height });
  });

  it("dimensions reads a view into a larger buffer", () => {
    const buffer = new Uint8Array(200);
    buffer.set(png(3, 4), 50);
    expect(dimensions("image/png", buffer.subarray(50))).toEqual({ width: 3, height: 4 });
  });

  it.each(FILES)("dimensions of a truncated %s are right or undefined", (_, type, file) => {
    const known = { width: 640, height: 480 };
    let unknown = 0;
    for (let length = 0; length < file.length; length++) {
      const found = dimensions(type, file.subarray(0, length));
      if (found === undefined) unknown++;
      else expect(found).toEqual(known);
    }
    expect(unknown).toBeGreaterThan(9);
  });

  it.each([
    ["a png without IHDR", "image/png", png(1, 1).with(12, 0x43)],
    ["a png of no width", "image/png", png(0, 5)],
    ["a gif of no height", "image/gif", gif(5, 0)],
    ["a jpeg of no height", "image/jpeg", jpeg(5, 0)],
    ["a jpeg segment of length 0", "image/jpeg", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["a jpeg of fill bytes", "image/jpeg", new Uint8Array(65536).fill(0xff)],
    [
      "a jpeg whose scan comes first",
      "image/jpeg",
      Uint8Array.of(0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xc0, 0, 9, 8, 0, 1, 0, 1, 0, 0),
    ],
    ["a webp of an unknown chunk", "image/webp", webp.lossy(5, 5).with(15, 0x39)],
    ["a webp without its start code", "image/webp", webp.lossy(5, 5).with(23, 0)],
    ["an avif whose property has length 0", "image/avif", bytes(`${"\0".repeat(20)}\0\0\0\x30ipco${"\0".repeat(60)}`)],
    [
      "an avif whose properties go past the head",
      "image/avif",
      bytes("\xff\xff\xff\xffipco\0\0\0\x14ispe\0\0\0\0\0\0\0\x09\0\0\0\x09"),
    ],
    ["an unknown type", "image/svg+xml", bytes('<svg width="9" height="9"/>')],
  ])("dimensions returns undefined for %s", (_, type, head) => expect(dimensions(type, head)).toBeUndefined());
});

describe("hostile bytes", () => {
  const types = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic", "text/html"];

  it("hostile bytes never cause an error, an endless loop or impossible dimensions", () => {
    let state = 20_261_120;
    const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
    for (let round = 0; round < 3000; round++) {
      const real = FILES[Math.floor(random() * FILES.length)]?.[2] ?? new Uint8Array();
      const file = round % 2 ? Uint8Array.from(real) : new Uint8Array(Math.floor(random() * 300));
      const hits = round % 2 ? 4 : file.length;
      for (let hit = 0; hit < hits; hit++) file[Math.floor(random() * file.length)] = Math.floor(random() * 256);
      const known = detectType(file);
      expect(known === undefined || types.includes(known)).toBe(true);
      for (const type of types) {
        const found = dimensions(type, file);
        if (found) expect(Math.min(found.width, found.height)).toBeGreaterThan(0);
      }
    }
  });

  it.each([
    ["fill bytes", new Uint8Array(1 << 20).fill(0xff)],
    ["zeros", new Uint8Array(1 << 20)],
    ["box after box", bytes("\0\0\0\x08ipco".repeat(1 << 16))],
    ["empty segments", bytes(`\xff\xd8${"\xff\xe0\0\x02".repeat(1 << 17)}`)],
    ["ends and starts", bytes("\xff\xd9\xff\xdb".repeat(1 << 17))],
  ])("the walk through a mebibyte of %s ends", (_, file) => {
    for (const type of ["image/png", "image/jpeg", "image/webp", "image/avif"])
      expect(dimensions(type, file)).toBeUndefined();
  });
});
