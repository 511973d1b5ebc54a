// The smallest headers and files of each format, built byte by byte so that a test can break them anywhere.

const text = (letters: string) => Array.from(letters, (letter) => letter.charCodeAt(0));
const be = (value: number, length: number) =>
  Array.from({ length }, (_, i) => Math.floor(value / 256 ** (length - 1 - i)) % 256);
const le = (value: number, length: number) => be(value, length).toReversed();
const of = (...parts: number[][]) => Uint8Array.from(parts.flat());
const box = (type: string, ...content: number[][]) => [
  ...be(8 + content.flat().length, 4),
  ...text(type),
  ...content.flat(),
];

export const bytes = (letters: string) => Uint8Array.from(text(letters));

const IEND = [0, 0, 0, 0, ...text("IEND"), 0xae, 0x42, 0x60, 0x82];
const chunk = (type: string, content: number[]) => [...be(content.length, 4), ...text(type), ...content, ...be(0, 4)];

export function png(width: number, height: number): Uint8Array {
  const header = [...be(width, 4), ...be(height, 4), 8, 6, 0, 0, 0];
  return of([0x89, ...text("PNG\r\n\x1a\n")], chunk("IHDR", header), chunk("IDAT", [1, 2, 3, 4]), IEND);
}

/**
 * Build a GIF: a color table and a comment that contain trailer bytes, as traps for a careless search, and one frame.
 */
export function gif(width: number, height: number): Uint8Array {
  const sides = [...le(width, 2), ...le(height, 2)];
  const comment = [0x21, 0xfe, 3, 0x00, 0x3b, 0x00, 1, 0x3b, 0];
  const frame = [0x2c, 0, 0, 0, 0, ...sides, 0, 2, 2, 0x4c, 1, 0];
  return of(text("GIF89a"), sides, [0x80, 0, 0], [0, 0, 0x3b, 0, 0x3b, 0], comment, frame, [0x3b]);
}

const segment = (marker: number, content: number[]) => [0xff, marker, ...be(content.length + 2, 2), ...content];

/**
 * Build a JPEG. `exif` is the length of an APP1 segment that contains an SOF marker, as a trap for a careless search.
 */
export function jpeg(width: number, height: number, { exif = 40, sof = 0xc0 } = {}): Uint8Array {
  const thumbnail = [0xff, 0xd8, ...segment(0xc0, [8, 0, 9, 0, 9, 3]), 0xff, 0xd9];
  const app1 = segment(0xe1, [...text("Exif\0\0"), ...thumbnail, ...Array.from({ length: exif }, () => 0)]);
  const frame = segment(sof, [8, ...be(height, 2), ...be(width, 2), 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
  const scan = [...segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 63, 0]), 0x11, 0xff, 0x00, 0x22];
  return of([0xff, 0xd8], app1, segment(0xc4, [0, 1, 2]), [0xff], frame, scan, [0xff, 0xd9]);
}

const riff = (...chunk: number[][]) => of(text("RIFF"), le(4 + chunk.flat().length, 4), text("WEBP"), ...chunk);

export const webp = {
  lossy: (width: number, height: number) =>
    riff(text("VP8 "), le(12, 4), [0x10, 0, 0, 0x9d, 0x01, 0x2a], le(width, 2), le(height, 2), [0, 0]),
  lossless: (width: number, height: number) =>
    riff(text("VP8L"), le(12, 4), [0x2f], le(width - 1 + (height - 1) * 0x4000, 4), [0, 0, 0, 0, 0, 0, 0]),
  extended: (width: number, height: number) =>
    riff(text("VP8X"), le(10, 4), [0x10, 0, 0, 0], le(width - 1, 3), le(height - 1, 3)),
};

/**
 * Build an AVIF or HEIC picture with the extents of a 512x512 tile before those of the picture, as phones write them.
 */
export function heif(major: string, width: number, height: number, compatible: readonly string[] = []): Uint8Array {
  const ispe = (w: number, h: number) => box("ispe", be(0, 4), be(w, 4), be(h, 4));
  const ipco = box("ipco", box("pixi", be(0, 4), [3, 8, 8, 8]), ispe(512, 512), ispe(width, height));
  return of(
    box("ftyp", text(major), be(0, 4), ...compatible.map(text)),
    box("meta", be(0, 4), box("iprp", ipco)),
    box("mdat", [1, 2, 3]),
  );
}

/** A small file of each kind, 640 by 480. */
export const FILES: [name: string, type: string, file: Uint8Array][] = [
  ["png", "image/png", png(640, 480)],
  ["jpeg", "image/jpeg", jpeg(640, 480)],
  ["progressive jpeg", "image/jpeg", jpeg(640, 480, { sof: 0xc2 })],
  ["gif", "image/gif", gif(640, 480)],
  ["lossy webp", "image/webp", webp.lossy(640, 480)],
  ["lossless webp", "image/webp", webp.lossless(640, 480)],
  ["extended webp", "image/webp", webp.extended(640, 480)],
  ["avif", "image/avif", heif("avif", 640, 480)],
  ["heic", "image/heic", heif("heic", 640, 480)],
];
