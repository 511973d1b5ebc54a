import * as z from "zod/mini";
import { promptText } from "../wire.ts";

/** References at most, documented. */
export const MAX_REFERENCES = 14;

const mimeType = z.enum(["image/png", "image/jpeg", "image/webp"]);

/** The documented request body; `null` stands for an absent optional field. */
export const requestWire = z.object({
  provider: z.nullish(z.literal("google")),
  model: z.nullish(z.string()),
  prompt: promptText,
  referenceImages: z.nullish(
    z
      .array(
        z.object({
          fileData: z.nullish(z.object({ fileUri: z.string(), mimeType })),
          inlineData: z.nullish(z.object({ data: z.string(), mimeType })),
        }),
      )
      .check(z.maxLength(MAX_REFERENCES)),
  ),
  imageConfig: z.nullish(
    z.object({
      imageSize: z.nullish(z.enum(["1K", "2K", "4K"])),
      aspectRatio: z.nullish(z.string().check(z.regex(/^\d+:\d+$/, "must be a ratio, as in 16:9"))),
    }),
  ),
});

export const DEFAULT_MODEL = "gemini-3-pro-image-preview";
export const DEFAULT_SIZE = "2K";

/** Codes of the error body `{code, message, request_id}`, as the vendor's own SDK knows them. */
export const CODES = { key: 21007, credit: 26004, parameters: 29003, busy: 29998, rate: 25429 } as const;
