import type { ImageRequest } from "../../src/image/request.ts";

/** A request for a cat, but for these fields. */
export const asked = (fields: Partial<ImageRequest>): ImageRequest => ({
  model: "some-model",
  prompt: "a cat",
  n: 1,
  references: [],
  ...fields,
});
