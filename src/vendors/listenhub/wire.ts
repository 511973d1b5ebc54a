import * as z from "zod/mini";
import { optional, promptText } from "../request-schema.ts";

const mimeType = z.enum(["image/png", "image/jpeg", "image/webp"]);

const referenceWire = z.object({
  fileData: optional(z.object({ fileUri: z.string(), mimeType })),
  inlineData: optional(z.object({ data: z.string(), mimeType })),
});
export type ReferenceWire = z.infer<typeof referenceWire>;

export const imageConfigWire = z.object({
  imageSize: optional(z.enum(["1K", "2K", "4K"])),
  aspectRatio: optional(z.string().check(z.regex(/^\d+:\d+$/, "must be a ratio, as in 16:9"))),
});

/** The documented request body (请求参数). */
export const requestWire = z.object({
  provider: optional(z.literal("google")),
  model: optional(z.string()),
  prompt: promptText,
  referenceImages: optional(z.array(referenceWire).check(z.maxLength(14))),
  imageConfig: optional(imageConfigWire),
});

export const DEFAULT_MODEL = "gemini-3-pro-image-preview";
export const DEFAULT_SIZE = "2K";

/** Codes of the error body `{code, message, request_id}`, from the vendor's own SDK. */
export const CODES = { key: 21007, credit: 26004, parameters: 29003, busy: 29998, rate: 25429 } as const;
