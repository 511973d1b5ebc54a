import type { PixelTable } from "./model-spec.ts";

/** Parse `1:1 1024x1024, 2:3 832x1248` into an object. */
function parseRow(text: string): Record<string, string> {
  return Object.fromEntries(text.split(",").map((entry) => entry.trim().split(" ") as [string, string]));
}

const PRO_1K = parseRow(`1:1 1024x1024, 2:3 848x1264, 3:2 1264x848, 3:4 896x1200, 4:3 1200x896,
  4:5 928x1152, 5:4 1152x928, 9:16 768x1376, 16:9 1376x768, 21:9 1584x672`);
const PRO_2K = parseRow(`1:1 2048x2048, 2:3 1696x2528, 3:2 2528x1696, 3:4 1792x2400, 4:3 2400x1792,
  4:5 1856x2304, 5:4 2304x1856, 9:16 1536x2752, 16:9 2752x1536, 21:9 3168x1344`);
const PRO_4K = parseRow(`1:1 4096x4096, 2:3 3392x5056, 3:2 5056x3392, 3:4 3584x4800, 4:3 4800x3584,
  4:5 3712x4608, 5:4 4608x3712, 9:16 3072x5504, 16:9 5504x3072, 21:9 6336x2688`);

/** Published pixels, not measured ones: relays differ by a few, and the picture's own header is authoritative. */
export const PIXELS = {
  /** Google's image-generation page for 2.5-flash-image. */
  "gemini-2.5": {
    "1K": parseRow(`1:1 1024x1024, 2:3 832x1248, 3:2 1248x832, 3:4 864x1184, 4:3 1184x864,
      4:5 896x1152, 5:4 1152x896, 9:16 768x1344, 16:9 1344x768, 21:9 1536x672`),
  },
  /** Google's image-generation page for 3-pro-image; one relay prints other values for 2:3, 3:2, 4:5 and 5:4. */
  "gemini-3-pro": { "1K": PRO_1K, "2K": PRO_2K, "4K": PRO_4K },
  /** Google's image-generation page for 3.1-flash-image; 512 21:9 is as printed, half of 1K would be 792x336. */
  "gemini-3.1-flash": {
    "512": parseRow(`1:1 512x512, 2:3 424x632, 3:2 632x424, 3:4 448x600, 4:3 600x448, 4:5 464x576, 5:4 576x464,
      9:16 384x688, 16:9 688x384, 21:9 792x168, 1:4 256x1024, 4:1 1024x256, 1:8 192x1536, 8:1 1536x192`),
    "1K": { ...PRO_1K, ...parseRow("1:4 512x2048, 4:1 2048x512, 1:8 384x3072, 8:1 3072x384") },
    "2K": { ...PRO_2K, ...parseRow("1:4 1024x4096, 4:1 4096x1024, 1:8 768x6144, 8:1 6144x768") },
    "4K": { ...PRO_4K, ...parseRow("1:4 2048x8192, 4:1 8192x2048, 1:8 1536x12288, 8:1 12288x1536") },
  },
  /**
   * Only 2K 16:9 is in a vendor's document; the other values are from a client that the vendor's author wrote. The
   * maker takes any pixels, so that a combination missing here is not an error.
   */
  "gpt-image-2": {
    "1K": parseRow("1:1 1024x1024, 3:2 1536x1024, 2:3 1024x1536"),
    "2K": parseRow("1:1 2048x2048, 16:9 2048x1152, 9:16 1152x2048"),
    "4K": parseRow("16:9 3840x2160, 9:16 2160x3840"),
  },
  /** Copies of Ark's document, newer table (older: 2K 16:9 2560x1440); 1K is 4.0 only, no 4:5 or 5:4 published. */
  "seedream-4.x": {
    "1K": parseRow(`1:1 1024x1024, 4:3 1152x864, 3:4 864x1152, 16:9 1312x736, 9:16 736x1312,
      3:2 1248x832, 2:3 832x1248, 21:9 1568x672`),
    "2K": parseRow(`1:1 2048x2048, 4:3 2304x1728, 3:4 1728x2304, 16:9 2848x1600, 9:16 1600x2848,
      3:2 2496x1664, 2:3 1664x2496, 21:9 3136x1344`),
    "4K": parseRow(`1:1 4096x4096, 4:3 4704x3520, 3:4 3520x4704, 16:9 5504x3040, 9:16 3040x5504,
      3:2 4992x3328, 2:3 3328x4992, 21:9 6240x2656`),
  },
} satisfies Record<string, PixelTable>;
