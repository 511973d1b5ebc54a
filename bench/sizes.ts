import { png } from "../test/sim/pictures.ts";

/** Characters of base64 by name; "MB" in every figure is a million characters. */
export const SIZES: Record<string, number> = {
  "24": 24_000_000,
  "9.3": 9_333_332,
  "8": 8_000_000,
  "1": 1_000_000,
  tiny: 1_368,
};

const pictures = new Map<string, Buffer>();

/** The one picture of a size: a valid PNG that does not compress. */
export function picture(size: string): Buffer {
  let bytes = pictures.get(size);
  if (bytes === undefined) pictures.set(size, (bytes = png({ bytes: ((SIZES[size] ?? 0) / 4) * 3 }).bytes));
  return bytes;
}
