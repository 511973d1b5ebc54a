import * as z from "zod/mini";
import { PLACES, TIMES } from "./landscape/scene.ts";

/** The sides a picture may have, and the pixels they may make together. */
export const SIDE = { min: 16, max: 16384 } as const;
const MAX_PIXELS = 8192 * 8192;

const side = z.int().check(z.gte(SIDE.min), z.lte(SIDE.max));
const sideText = z.pipe(z.coerce.number(), side);
const flag = z.pipe(
  z.optional(z.literal("1")),
  z.transform((value) => value !== undefined),
);

const fits = z.refine<{ width: number; height: number }>((at) => at.width * at.height <= MAX_PIXELS, {
  error: `may make at most ${MAX_PIXELS} pixels (8192 × 8192)`,
  path: ["width and height"],
});

/** `POST /draw`: what is to be drawn. */
export const DrawBody = z
  .object({
    prompt: z.string(),
    model: z.string(),
    width: side,
    height: side,
    seed: z.int(),
    n: z.int().check(z.gte(1), z.lte(10)),
    /** 0 without reference pictures, else a number that tells one set of them from another. */
    references: z.int(),
  })
  .check(fits);
export type DrawBody = z.infer<typeof DrawBody>;

/** The query of `GET /picture`: a scene, and whether its picture is to break off. */
export const PictureQuery = z
  .object({
    width: sideText,
    height: sideText,
    /** The prompt, the model and the references, as a fingerprint. */
    subject: z.string().check(z.maxLength(64)),
    seed: z.string().check(z.maxLength(20)),
    index: z.string().check(z.maxLength(4)),
    time: z.enum(TIMES),
    place: z.enum(PLACES),
    snow: flag,
    lake: flag,
    lighthouse: flag,
    broken: flag,
  })
  .check(fits);
export type PictureQuery = z.infer<typeof PictureQuery>;

/** What `/draw` answers. */
export const Answer = z.object({
  pictures: z.optional(z.array(z.object({ url: z.string() }))),
  text: z.optional(z.string()),
});
export type Answer = z.infer<typeof Answer>;

/** What either path answers when it fails. */
export const ErrorAnswer = z.object({
  error: z.object({ code: z.optional(z.string()), message: z.optional(z.string()) }),
});
