import { invalidField } from "../../errors.ts";
import type { ImageRequest, Reference, StoredPicture, Turn } from "../../image/request.ts";
import { placeholder } from "../../image/wire.ts";
import { readReference } from "../reference-fields.ts";
import { readMessage } from "./message-pictures.ts";
import type { MessageWire, PartWire } from "./wire.ts";

/** Where in the body something is, and the pictures that were in the body. */
interface Location {
  field: string;
  pictures: readonly StoredPicture[];
}

/** A conversation, and what its body calls each of its turns and references. */
interface Conversation {
  request: Pick<ImageRequest, "prompt" | "references" | "turns">;
  fields: Record<string, string>;
}

/** What the system says goes before the prompt, which is the last message; those before it are turns. Throws invalid_request. */
export function readMessages(messages: readonly MessageWire[], pictures: readonly StoredPicture[]): Conversation {
  const system: string[] = [];
  const turns: { turn: Turn; field: string }[] = [];
  messages.forEach((message, index) => {
    const place = { field: `messages[${index}]`, pictures };
    if (message.role === "assistant") turns.push({ turn: modelTurn(message, place), field: place.field });
    else if (message.role === "user") turns.push({ turn: userTurn(message, place), field: place.field });
    else system.push(systemText(message, place));
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

/** Where a message has its pictures. */
function pictureFieldsIn({ content }: MessageWire): string[] {
  if (!Array.isArray(content)) return [];
  return content.flatMap(({ type, image_url: image }, index) =>
    type === "image_url" ? `content[${index}].image_url${typeof image === "string" ? "" : ".url"}` : [],
  );
}

function systemText(message: MessageWire, place: Location): string {
  const { text = "", references } = userTurn(message, place);
  if (references.length > 0) throw invalidField(`${place.field}.content`, "must be text in a system message");
  return text;
}

function userTurn({ content }: MessageWire, { field, pictures }: Location): Turn {
  if (typeof content === "string")
    return { role: "user", text: plainText(content, `${field}.content`, pictures), references: [] };
  const texts: string[] = [];
  const references: Reference[] = [];
  (content ?? []).forEach((part, index) => {
    const at = { field: `${field}.content[${index}]`, pictures };
    if (part.type === "image_url") references.push(partReference(part, at));
    else if (part.type === "text") texts.push(partText(part, at));
    else throw invalidField(`${at.field}.type`, "must be one of text, image_url");
  });
  const text = texts.join("\n");
  return { role: "user", text: /\S/.test(text) ? text : undefined, references };
}

function partText({ text }: PartWire, { field, pictures }: Location): string {
  if (text === undefined) throw invalidField(`${field}.text`, "is required in a part of type text");
  return plainText(text, `${field}.text`, pictures) ?? "";
}

/** A text with something in it, and no picture: what stands in a picture's place means nothing to a vendor. */
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

/** What an answer of ours, or of another relay, said and showed: clients send it back as it was. */
function modelTurn(message: MessageWire, { field, pictures }: Location): Turn {
  const { pictures: sources, text } = readMessage(message);
  const references = sources.map((carrier) =>
    readReference("url" in carrier ? carrier.url : placeholder(carrier.hoisted), pictures, `${field}.content`),
  );
  return { role: "model", text, references };
}
