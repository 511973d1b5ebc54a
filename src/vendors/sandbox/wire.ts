import * as z from "zod/mini";
import { PLACES, TIMES } from "./landscape/scene.ts";

/** Limits of a picture's sides, and of its pixels in total. */
export const SIDE = { min: 16, max: 16384 } as const;
const MAX_PIXELS = 8192 * 8192;

const side = z.int().check(z.gte(SIDE.min), z.lte(SIDE.max));
const sideText = z.pipe(z.coerce.number(), side);
const flag = z.pipe(
  z.optional(z.literal("1")),
  z.transform((value) => value !== undefined),
);

const fits = z.refine<{ width: number; height: number }>(({ width, height }) => width * height <= MAX_PIXELS, {
  error: `may make at most ${MAX_PIXELS} pixels (8192 × 8192)`,
  path: ["width and height"],
});

/** The body of `POST /draw`. */
export const DrawBody = z
  .object({
    prompt: z.string(),
    model: z.string(),
    width: side,
    height: side,
    seed: z.int(),
    n: z.int().check(z.gte(1), z.lte(10)),
    /** 0 without reference pictures, else a number that differs between sets of them. */
    references: z.int(),
  })
  .check(fits);
export type DrawBody = z.infer<typeof DrawBody>;

/** The query of `GET /picture`: a scene, and whether the picture breaks off. */
export const PictureQuery = z
  .object({
    width: sideText,
    height: sideText,
    /** A fingerprint of the prompt, the model and the references. */
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

/** The response of `/draw`. */
export const Answer = z.object({
  pictures: z.optional(z.array(z.object({ url: z.string() }))),
  text: z.optional(z.string()),
});
export type Answer = z.infer<typeof Answer>;

/** The error response of either path. */
export const ErrorAnswer = z.object({
  error: z.object({ code: z.optional(z.string()), message: z.optional(z.string()) }),
});
