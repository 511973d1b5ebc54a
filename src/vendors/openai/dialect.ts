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

/** OpenAI's images API as served: pictures by words; also takes the extra fields of the vendors that share its path. */
export const generations: Dialect = {
  name: "openai",
  paths: ["/v1/images/generations"],
  fields,
  decode: readRequest,
  encode,
  events: (record, asked) => completedEvents("image_generation.completed", record, asked),
  encodeError,
};

/** The same by words and pictures, which come in a form or in JSON. */
export const edits: Dialect = {
  name: "openai",
  paths: ["/v1/images/edits"],
  fields: { ...fields, references: "image" },
  decode: readEditRequest,
  encode,
  events: (record, asked) => completedEvents("image_edit.completed", record, asked),
  encodeError,
};
