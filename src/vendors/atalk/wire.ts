import * as z from "zod/mini";
import { modelName, optional, promptText } from "../request-schema.ts";
import { SIDES } from "./models.ts";

const image = optional(z.string());
const images = {
  input_image: image,
  input_image_2: image,
  input_image_3: image,
  input_image_4: image,
  input_image_5: image,
  input_image_6: image,
  input_image_7: image,
  input_image_8: image,
};

/** The fields for reference pictures, in order. */
export const INPUT_IMAGES = Object.keys(images) as (keyof typeof images)[];

const side = optional(
  z.number().check(
    z.refine((value) => value > 0 && value % SIDES.multipleOf === 0, {
      error: ({ input }) =>
        `must be a whole number of pixels, a multiple of ${SIDES.multipleOf}; nearest: ${nearestSide(Number(input))}`,
    }),
  ),
);

/** The nearest side that the vendor supports, in pixels. */
export function nearestSide(value: number): number {
  const { multipleOf, min, max } = SIDES;
  return Math.min(max, Math.max(min, Math.round(value / multipleOf) * multipleOf));
}

/** 内容审核级别: 0 (strictest) to 5. The document's type is number, but only whole numbers are levels. */
export const safetyTolerance = z
  .number()
  .check(
    z.refine((value) => Number.isInteger(value) && value >= 0 && value <= 5, "must be a whole number from 0 to 5"),
  );

/** The documented request body (ImageGenerationRequest). */
export const requestWire = z.object({
  model: modelName,
  prompt: promptText,
  aspect_ratio: optional(z.string()),
  ...images,
  width: side,
  height: side,
  seed: optional(z.int()),
  safety_tolerance: optional(safetyTolerance),
  output_format: optional(z.enum(["jpeg", "png"])),
});
export type RequestWire = z.infer<typeof requestWire>;
