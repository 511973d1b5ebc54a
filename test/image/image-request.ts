import type { ImageRequest } from "../../src/image/request.ts";

/** Create a request for a cat, with the given fields changed. */
export const imageRequest = (fields: Partial<ImageRequest>): ImageRequest => ({
  model: "some-model",
  prompt: "a cat",
  n: 1,
  references: [],
  ...fields,
});
