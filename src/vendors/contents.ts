import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import type { ImageRequest, StoredPicture, Turn } from "../image/request.ts";
import { placeholder } from "../image/wire.ts";
import { readReference } from "./reference-fields.ts";
import { optional } from "./request-schema.ts";

const PART = "text or image, as in {text} and {image}";

/** Clients of other formats write other parts, as `inlineData`: refused by name, or the picture would be missing. */
const partWire = z
  .looseObject({ text: optional(z.string()), image: optional(z.string()) })
  .check(({ value, issues }) => {
    const present = Object.keys(value).filter((key) => (value[key] ?? undefined) !== undefined);
    const other = present.find((key) => key !== "text" && key !== "image");
    if (other !== undefined) {
      const message = `is not a field here; a part has ${PART}`;
      issues.push({ code: "custom", input: value, path: [other], message });
    } else if (present.length === 0) issues.push({ code: "custom", input: value, message: `must have ${PART}` });
  });

/** The turns of a conversation: `contents`, the last of which is what is asked for. */
export const contentsWire = z.array(z.object({ role: z.enum(["user", "model"]), parts: z.array(partWire) }));
type Contents = z.infer<typeof contentsWire>;

/**
 * What is asked for by `contents`, by `prompt`, or by both: a prompt beside contents is the user's newest word. Throws
 * invalid_request that names `field[i]`, or prompt where nothing is asked for. `fields` says where each reference stood.
 */
export function readContents(
  contents: Contents,
  pictures: readonly StoredPicture[],
  field: string,
  prompt?: string,
): Pick<ImageRequest, "prompt" | "references" | "turns"> & { fields: Record<string, string> } {
  const turns = contents.map((turn, index) => readTurn(turn, pictures, `${field}[${index}]`));
  if (prompt !== undefined && /\S/.test(prompt)) appendPrompt(turns, prompt);
  const last = turns.pop();
  if (last === undefined) throw invalidContents("prompt", `must not be empty where ${field} is left out`);
  const lastField = `${field}[${turns.length}]`;
  if (last.role !== "user")
    throw invalidContents(`${lastField}.role`, "must be user: the last turn is what is asked for");
  if (last.text === undefined)
    throw invalidContents(`${lastField}.parts`, "must have a text: the last turn is what is asked for");
  const parts = contents[turns.length]?.parts ?? [];
  const pictureFields = parts.flatMap(({ image }, index) =>
    image === undefined ? [] : `${lastField}.parts[${index}].image`,
  );
  return {
    prompt: last.text,
    references: last.references,
    turns: turns.length === 0 ? undefined : turns,
    fields: Object.fromEntries(pictureFields.map((field, index) => [`references[${index}]`, field])),
  };
}

function readTurn({ role, parts }: Contents[number], pictures: readonly StoredPicture[], field: string): Turn {
  const texts = parts.map((part) => part.text ?? "");
  // A picture in it was lifted out, and what stands in its place means nothing to a vendor.
  const partWithPicture = texts.findIndex((each) => pictures.some((_, index) => each.includes(placeholder(index))));
  if (partWithPicture >= 0)
    throw invalidContents(`${field}.parts[${partWithPicture}].text`, "must be text, without pictures");
  const text = texts.filter((each) => /\S/.test(each)).join("\n");
  const references = parts.flatMap(({ image }, index) =>
    image === undefined ? [] : readReference(image, pictures, `${field}.parts[${index}].image`, ["https", "http"]),
  );
  if (text === "" && references.length === 0) throw invalidContents(`${field}.parts`, `must have ${PART}`);
  return { role, text: text === "" ? undefined : text, references };
}

/** Clients that must send a prompt repeat in it what the last turn says, or leave that turn's text out. */
function appendPrompt(turns: Turn[], prompt: string): void {
  const last = turns.at(-1);
  if (last?.role !== "user") turns.push({ role: "user", text: prompt, references: [] });
  else if (last.text !== prompt) last.text = last.text === undefined ? prompt : `${last.text}\n${prompt}`;
}

function invalidContents(field: string, why: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${why}.`, { field });
}
