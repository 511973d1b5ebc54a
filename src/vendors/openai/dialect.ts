import { encodeOpenAIError } from "../openai-errors.ts";
import type { Dialect } from "../vendor.ts";
import { completedEvents, encode } from "./dialect-response.ts";
import { readRequest, readEditRequest } from "./dialect-request.ts";

const encodeError = encodeOpenAIError("image_generation_user_error", "moderation_blocked");

const fields = {
  aspectRatio: "aspect_ratio",
  references: "images",
  turns: "contents",
  width: "size",
  height: "size",
  outputFormat: "output_format",
};

/** OpenAI's images API as the gateway serves it: pictures from a prompt, with extra fields of vendors on this path. */
export const generations: Dialect = {
  name: "openai",
  paths: ["/v1/images/generations"],
  fields,
  decode: readRequest,
  encode,
  events: (record, parsed) => completedEvents("image_generation.completed", record, parsed),
  encodeError,
};

/** OpenAI's edits: pictures from a prompt and pictures, in a form or in JSON. */
export const edits: Dialect = {
  name: "openai",
  paths: ["/v1/images/edits"],
  fields: { ...fields, references: "image" },
  decode: readEditRequest,
  encode,
  events: (record, parsed) => completedEvents("image_edit.completed", record, parsed),
  encodeError,
};
