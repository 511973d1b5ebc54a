import * as z from "zod/mini";
import { contentsWire } from "../contents.ts";
import { modelName, optional } from "../request-schema.ts";

const picturesWire = z.union([z.string(), z.array(z.string())], "must be a picture or a list of them");

/** The documented request body (请求参数), and the fields of the vendor's other pages whose meaning is clear. */
export const requestWire = z.object({
  model: modelName,
  prompt: optional(z.string()),
  contents: optional(contentsWire),
  response_format: optional(z.enum(["url", "b64_json"])),
  // A ratio, or pixels that mean one; a tier for some models.
  size: optional(z.string()),
  n: optional(z.int().check(z.minimum(1))),
  // Newer clients send references here instead of in contents.
  image: optional(picturesWire),
  images: optional(picturesWire),
});
