import { invalidField } from "../../errors.ts";
import type { ImageRequest, Reference, StoredPicture, Turn } from "../../image/request.ts";
import { placeholder } from "../../image/wire.ts";
import { readReference } from "../reference-fields.ts";
import { readMessage } from "./message-pictures.ts";
import type { MessageWire, PartWire } from "./wire.ts";

/** A position in the body, with the pictures that were hoisted out of the body. */
interface Location {
  field: string;
  pictures: readonly StoredPicture[];
}

/** A conversation, with the field in the body for each of its turns and references. */
interface Conversation {
  request: Pick<ImageRequest, "prompt" | "references" | "turns">;
  fields: Record<string, string>;
}

/**
 * Read a conversation: the last message is the prompt, system messages are put before it, and earlier messages are
 * turns. Throws invalid_request.
 */
export function readMessages(messages: readonly MessageWire[], pictures: readonly StoredPicture[]): Conversation {
  const system: string[] = [];
  const turns: { turn: Turn; field: string }[] = [];
  messages.forEach((message, index) => {
    const location = { field: `messages[${index}]`, pictures };
    if (message.role === "assistant") turns.push({ turn: modelTurn(message, location), field: location.field });
    else if (message.role === "user") turns.push({ turn: userTurn(message, location), field: location.field });
    else system.push(systemText(message, location));
  });
  const [message] = messages.slice(-1);
  const lastField = `messages[${messages.length - 1}]`;
  if (message?.role !== "user")
    throw invalidField(`${lastField}.role`, "must be user: the last message says what to draw");
  const last = turns.pop()?.turn;
  if (last?.text === undefined) throw invalidField(`${lastField}.content`, "must have text: it says what to draw");
  const earlier = turns.filter(({ turn }) => turn.text !== undefined || turn.references.length > 0);
  const names = [
    ...earlier.map(({ field }, index) => [`turns[${index}]`, field]),
    ...pictureFieldsIn(message).map((name, index) => [`references[${index}]`, `${lastField}.${name}`]),
  ];
  return {
    request: {
      prompt: [...system.filter((text) => text !== ""), last.text].join("\n\n"),
      references: last.references,
      turns: earlier.length === 0 ? undefined : earlier.map(({ turn }) => turn),
    },
    fields: Object.fromEntries(names) as Record<string, string>,
  };
}

/** The fields of a message's pictures. */
function pictureFieldsIn({ content }: MessageWire): string[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap(({ type, image_url: image }, index) =>
    type === "image_url" ? `content[${index}].image_url${typeof image === "string" ? "" : ".url"}` : [],
  );
}

function systemText(message: MessageWire, location: Location): string {
  const { text = "", references } = userTurn(message, location);
  if (references.length > 0) throw invalidField(`${location.field}.content`, "must be text in a system message");
  return text;
}

function userTurn({ content }: MessageWire, { field, pictures }: Location): Turn {
  if (typeof content === "string")
    return { role: "user", text: plainText(content, `${field}.content`, pictures), references: [] };
  const texts: string[] = [];
  const references: Reference[] = [];
  (content ?? []).forEach((part, index) => {
    const location = { field: `${field}.content[${index}]`, pictures };
    if (part.type === "image_url") references.push(partReference(part, location));
    else if (part.type === "text") texts.push(partText(part, location));
    else throw invalidField(`${location.field}.type`, "must be one of text, image_url");
  });
  const text = texts.join("\n");
  return { role: "user", text: /\S/.test(text) ? text : undefined, references };
}

function partText({ text }: PartWire, { field, pictures }: Location): string {
  if (text === undefined) throw invalidField(`${field}.text`, "is required in a part of type text");
  return plainText(text, `${field}.text`, pictures) ?? "";
}

/** Check a text for pictures, whose placeholders mean nothing to a vendor. Returns undefined for a blank text. */
function plainText(text: string, field: string, pictures: readonly StoredPicture[]): string | undefined {
  if (pictures.some((_, index) => text.includes(placeholder(index))))
    throw invalidField(field, 'must be text: a picture is a part, {type: "image_url", image_url: {url}}');
  return /\S/.test(text) ? text : undefined;
}

function partReference({ image_url: image }: PartWire, { field, pictures }: Location): Reference {
  if (image === undefined) throw invalidField(`${field}.image_url`, "is required in a part of type image_url");
  if (typeof image === "string") return readReference(image, pictures, `${field}.image_url`);
  return readReference(image.url, pictures, `${field}.image_url.url`);
}

/** Read an earlier response of this gateway or of another relay, which clients send back unchanged. */
function modelTurn(message: MessageWire, { field, pictures }: Location): Turn {
  const { pictures: sources, text } = readMessage(message);
  const references = sources.map((source) =>
    readReference("url" in source ? source.url : placeholder(source.hoisted), pictures, `${field}.content`),
  );
  return { role: "model", text, references };
}
