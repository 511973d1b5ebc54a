import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import type { ImageRequest, StoredPicture, Turn } from "../image/request.ts";
import { placeholder } from "../image/wire.ts";
import { readReference } from "./reference-fields.ts";
import { optional } from "./request-schema.ts";

const PART = "text or image, as in {text} and {image}";

/** A part of a turn. Parts of other formats (`inlineData`) are rejected by name: else their picture would be lost. */
const partWire = z
  .looseObject({ text: optional(z.string()), image: optional(z.string()) })
  .check(({ value, issues }) => {
    const present = Object.keys(value).filter((key) => (value[key] ?? undefined) !== undefined);
    const unknownField = present.find((key) => key !== "text" && key !== "image");
    if (unknownField !== undefined) {
      const message = `is not a field here; a part has ${PART}`;
      issues.push({ code: "custom", input: value, path: [unknownField], message });
    } else if (present.length === 0) issues.push({ code: "custom", input: value, message: `must have ${PART}` });
  });

/** The turns of a conversation in `contents`; the last one is the request itself. */
export const contentsWire = z.array(z.object({ role: z.enum(["user", "model"]), parts: z.array(partWire) }));
type Contents = z.infer<typeof contentsWire>;

/**
 * Read the prompt, references and turns from `contents`, from `prompt`, or from both: a prompt next to contents belongs
 * to the user's last turn. Throws invalid_request for `field[i]`, or for `prompt` if both are empty. `fields` maps each
 * reference to its place in the body.
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
  // A picture inside a text was hoisted out; the placeholder that replaced it means nothing to a vendor.
  const partWithPicture = texts.findIndex((part) => pictures.some((_, index) => part.includes(placeholder(index))));
  if (partWithPicture >= 0)
    throw invalidContents(`${field}.parts[${partWithPicture}].text`, "must be text, without pictures");
  const text = texts.filter((part) => /\S/.test(part)).join("\n");
  const references = parts.flatMap(({ image }, index) =>
    image === undefined ? [] : readReference(image, pictures, `${field}.parts[${index}].image`, ["https", "http"]),
  );
  if (text === "" && references.length === 0) throw invalidContents(`${field}.parts`, `must have ${PART}`);
  return { role, text: text === "" ? undefined : text, references };
}

/** Add the prompt to the last turn. Clients that must send a prompt repeat the turn's text in it, or omit the text. */
function appendPrompt(turns: Turn[], prompt: string): void {
  const last = turns.at(-1);
  if (last?.role !== "user") turns.push({ role: "user", text: prompt, references: [] });
  else if (last.text !== prompt) last.text = last.text === undefined ? prompt : `${last.text}\n${prompt}`;
}

function invalidContents(field: string, why: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${why}.`, { field });
}
