import { describe, expect, it } from "vitest";
import { leastRatio, scanBytes } from "../harness/clock.ts";
import { TruncationCheck } from "../../src/image/truncation.ts";
import { chunks, Random } from "../stream/random.ts";
import { bytes, FILES, gif, heif, jpeg, png, webp } from "./pictures.ts";

const join = (...parts: Uint8Array[]) => new Uint8Array(parts.reduce<number[]>((all, part) => [...all, ...part], []));
const be32 = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
const box = (type: string, content: number[] = []) => [...be32(8 + content.length), ...bytes(type), ...content];
const ftyp = box("ftyp", [...bytes("avif"), 0, 0, 0, 0]);

const pictures: [name: string, type: string, file: Uint8Array][] = [
  ...FILES,
  ["jpeg with a long EXIF", "image/jpeg", jpeg(640, 480, { exif: 3_000 })],
  [
    "heic with its index behind and a length of 64 bits",
    "image/heic",
    Uint8Array.from([...ftyp, 0, 0, 0, 1, ...bytes("mdat"), 0, 0, 0, 0, 0, 0, 0, 20, 1, 2, 3, 4, ...box("meta", [5])]),
  ],
];
const SIZES = [1, 7, 262_146];

function isComplete(type: string, file: Uint8Array, size: number | Random = 262_146): boolean {
  const check = new TruncationCheck(type);
  for (const piece of chunks(file, size)) check.push(piece);
  return check.complete;
}

describe("TruncationCheck", () => {
  const random = new Random(20_261_120);

  it.each(pictures)("a %s is complete, whatever bytes follow it", (_, type, file) => {
    for (const size of SIZES) {
      expect(isComplete(type, file, size)).toBe(true);
      for (const more of [
        new Uint8Array(1),
        new Uint8Array(4_096),
        bytes("\r\n"),
        random.bytes(4_096),
        file,
        file.slice(1),
      ])
        expect(isComplete(type, join(file, more), size), `${more.length} more, in pieces of ${size}`).toBe(true);
    }
  });

  it.each(pictures)("a %s that is cut anywhere is not complete", (_, type, file) => {
    const step = Math.max(1, Math.floor(file.length / 150));
    for (let cut = file.length - 1; cut >= 0; cut -= cut > file.length - 40 ? 1 : step)
      for (const size of SIZES)
        expect(isComplete(type, file.subarray(0, cut), size), `cut at ${cut}, in pieces of ${size}`).toBe(false);
  });

  it("a picture is complete as soon as its last byte has arrived, wherever the pieces begin", () => {
    for (const [name, type, file] of pictures) {
      for (let first = 0; first < file.length; first += file.length > 1_000 ? 37 : 1) {
        const check = new TruncationCheck(type);
        check.push(file.subarray(0, first));
        check.push(new Uint8Array(0));
        check.push(file.subarray(first, -1));
        expect(check.complete, name).toBe(false);
        check.push(file.subarray(-1));
        expect(check.complete, `${name} in two at ${first}`).toBe(true);
      }
    }
  });

  it("the end of a thumbnail is not the end of the picture", () => {
    const file = jpeg(5, 5, { exif: 3_000 });
    const thumbnail = Buffer.from(file).indexOf(Uint8Array.of(0xff, 0xd9)) + 2;
    expect(thumbnail).toBeLessThan(100);
    for (const size of SIZES) {
      for (const cut of [thumbnail, thumbnail + 1, thumbnail + 2_000])
        expect(isComplete("image/jpeg", file.subarray(0, cut), size)).toBe(false);
      expect(isComplete("image/jpeg", file, size)).toBe(true);
    }
  });

  it.each([
    ["a png whose chunk runs past the end", "image/png", png(5, 5).with(33, 0x7f)],
    ["a png that names its end in its pixels", "image/png", join(png(5, 5).subarray(0, 41), bytes("\0\0\0\0IEND"))],
    ["a jpeg that ends before its scan", "image/jpeg", bytes("\xff\xd8\xff\xe0\0\x04ab\xff\xd9")],
    ["a jpeg whose 0xff and 0xd9 are apart", "image/jpeg", bytes("\xff\xd8\xff\xda\0\x02\xff\0\xd9")],
    ["a gif whose last byte of LZW data is its trailer", "image/gif", join(gif(5, 5).subarray(0, -2), bytes("\x01;"))],
    ["a gif of unknown blocks", "image/gif", join(gif(5, 5).subarray(0, -1), bytes("\x07\0;"))],
    ["a webp shorter than it says", "image/webp", webp.lossy(5, 5).with(7, 0x7f)],
    ["a webp too short for a chunk", "image/webp", webp.lossy(5, 5).with(4, 4)],
    ["an avif without data", "image/avif", Uint8Array.from([...ftyp, ...box("meta")])],
    ["an avif without an index", "image/avif", Uint8Array.from([...ftyp, ...box("mdat")])],
    [
      "an avif whose data is shorter than its header",
      "image/avif",
      Uint8Array.from([...ftyp, ...box("meta"), 0, 0, 0, 4, ...bytes("mdat")]),
    ],
    ["an avif whose second data is cut", "image/avif", join(heif("avif", 5, 5), bytes("\0\0\0\x0amdat1"))],
  ])("%s is not complete", (_, type, file) => {
    for (const size of SIZES) expect(isComplete(type, file, size)).toBe(false);
  });

  it.each([
    ["a jpeg with fill bytes and junk in its header", "image/jpeg", bytes("\xff\xd8\xff\xff\xe0\0\x02junk\xff\xd9")],
    ["a gif with zeros between its blocks", "image/gif", join(gif(5, 5).subarray(0, -1), bytes("\0\0;"))],
    [
      "an avif whose data has the rest",
      "image/avif",
      Uint8Array.from([...ftyp, ...box("meta"), 0, 0, 0, 0, ...bytes("mdat")]),
    ],
    ["an avif sequence", "image/avif", Uint8Array.from([...ftyp, ...box("moov"), ...box("free"), ...box("mdat")])],
  ])("%s is complete", (_, type, file) => {
    for (const size of SIZES) expect(isComplete(type, file, size)).toBe(true);
  });

  it("the end is found after megabytes of data, and before megabytes of other bytes", () => {
    const body = new Uint8Array(5 << 20).fill(0xff);
    const [head, tail] = [jpeg(5, 5).subarray(0, -2), Uint8Array.of(0xff, 0xd9)];
    for (const size of [4_093, 262_146]) {
      const check = new TruncationCheck("image/jpeg");
      for (const part of [head, body.subarray(0, -1)]) for (const piece of chunks(part, size)) check.push(piece);
      expect(check.complete).toBe(false);
      check.push(tail.subarray(0, 1));
      check.push(tail.subarray(1));
      expect(check.complete).toBe(true);
      check.push(body);
      expect(check.complete).toBe(true);
    }
  });

  it("a file of another type is never complete", () =>
    expect(isComplete("text/html", bytes("<html></html>"))).toBe(false));
});

describe("hostile bytes", () => {
  const types = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/heic"];

  it("the check stops after a million steps", () => {
    const file = (chunks: number) => {
      const unit = bytes("\0\0\0\0noNe\0\0\0\0");
      return new Uint8Array(
        Buffer.concat([png(5, 5).subarray(0, 8), Buffer.alloc(12 * chunks, unit), png(5, 5).subarray(-12)]),
      );
    };
    expect(isComplete("image/png", file(990_000))).toBe(true);
    expect(isComplete("image/png", file(1_010_000))).toBe(false);
  });

  it("hostile bytes never cause an error, and pieces of any size give the same result", () => {
    const random = new Random(7);
    for (let round = 0; round < 2_000; round++) {
      const original = random.pick(pictures)[2];
      const file = round % 2 ? Uint8Array.from(original.subarray(0, 300)) : new Uint8Array(random.int(0, 300));
      const hits = round % 2 ? 4 : file.length;
      for (let hit = 0; hit < hits; hit++) file[random.int(0, file.length - 1)] = random.int(0, 255);
      for (const type of types) expect(isComplete(type, file, random)).toBe(isComplete(type, file));
    }
  });

  it.each([
    ["fill bytes", "\xff"],
    ["zeros", "\0"],
    ["box after box", "\0\0\0\x08ipco"],
    ["empty segments", "\xff\xe0\0\x02"],
    ["ends and starts", "\xff\xd9\xff\xdb"],
    ["empty blocks", "!\xfe\0"],
    ["sub-blocks of one byte", "\x01\0"],
  ])("the check of 16 MiB of %s ends", async (_, unit) => {
    const file = new Uint8Array(Buffer.alloc(16 << 20, unit, "latin1"));
    for (const [, type, original] of pictures.slice(0, 10)) {
      const head = original.subarray(0, type === "image/gif" ? 19 : 8);
      const walk = () => {
        const check = new TruncationCheck(type);
        for (const piece of [head, file]) check.push(piece);
        expect(check.complete).toBeTypeOf("boolean");
      };
      expect(await leastRatio(100, walk, () => scanBytes(file))).toBeLessThan(100);
    }
  });
});
