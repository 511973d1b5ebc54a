import { GatewayError } from "../../errors.ts";
import type { ImageRequest, Reference, StoredPicture, Turn } from "../../image/request.ts";
import { hoistedMark } from "../../image/wire.ts";
import { readReference } from "../references.ts";
import { readMessage } from "./pictures.ts";
import type { MessageWire, PartWire } from "./wire.ts";

const SCHEMES = ["https", "http"];

/** Where in the body something is, and the pictures that were in the body. */
interface Place {
  field: string;
  pictures: readonly StoredPicture[];
}

/**
 * A conversation: what the system says goes before the prompt, which is the last message; those before it are turns.
 * Throws invalid_request.
 */
export function readMessages(
  messages: readonly MessageWire[],
  pictures: readonly StoredPicture[],
): Pick<ImageRequest, "prompt" | "references" | "turns"> {
  const system: string[] = [];
  const turns: Turn[] = [];
  messages.forEach((message, index) => {
    const place = { field: `messages[${index}]`, pictures };
    if (message.role === "assistant") turns.push(modelTurn(message, place));
    else if (message.role === "user") turns.push(userTurn(message, place));
    else system.push(systemText(message, place));
  });
  const at = `messages[${messages.length - 1}]`;
  if (messages.at(-1)?.role !== "user") throw wrong(`${at}.role`, "must be user: the last message says what to draw");
  const last = turns.pop();
  if (last?.text === undefined) throw wrong(`${at}.content`, "must have text: it says what to draw");
  const earlier = turns.filter(({ text, references }) => text !== undefined || references.length > 0);
  return {
    prompt: [...system.filter((text) => text !== ""), last.text].join("\n\n"),
    references: last.references,
    turns: earlier.length === 0 ? undefined : earlier,
  };
}

function systemText(message: MessageWire, place: Place): string {
  const { text = "", references } = userTurn(message, place);
  if (references.length > 0) throw wrong(`${place.field}.content`, "must be text in a system message");
  return text;
}

function userTurn({ content }: MessageWire, { field, pictures }: Place): Turn {
  if (typeof content === "string")
    return { role: "user", text: spoken(content, `${field}.content`, pictures), references: [] };
  const texts: string[] = [];
  const references: Reference[] = [];
  (content ?? []).forEach((part, index) => {
    const at = { field: `${field}.content[${index}]`, pictures };
    if (part.type === "image_url") references.push(shown(part, at));
    else if (part.type === "text") texts.push(said(part, at));
    else throw wrong(`${at.field}.type`, "must be one of text, image_url");
  });
  const text = texts.join("\n");
  return { role: "user", text: /\S/.test(text) ? text : undefined, references };
}

function said({ text }: PartWire, { field, pictures }: Place): string {
  if (text === undefined) throw wrong(`${field}.text`, "is required in a part of type text");
  return spoken(text, `${field}.text`, pictures) ?? "";
}

/** A text with something in it, and no picture: what stands in a picture's place means nothing to a vendor. */
function spoken(text: string, field: string, pictures: readonly StoredPicture[]): string | undefined {
  if (pictures.some((_, index) => text.includes(hoistedMark(index))))
    throw wrong(field, 'must be text: a picture is a part, {type: "image_url", image_url: {url}}');
  return /\S/.test(text) ? text : undefined;
}

function shown({ image_url: image }: PartWire, { field, pictures }: Place): Reference {
  if (image === undefined) throw wrong(`${field}.image_url`, "is required in a part of type image_url");
  if (typeof image === "string") return readReference(image, pictures, `${field}.image_url`, SCHEMES);
  return readReference(image.url, pictures, `${field}.image_url.url`, SCHEMES);
}

/** What an answer of ours, or of another relay, said and showed: clients send it back as it was. */
function modelTurn(message: MessageWire, { field, pictures }: Place): Turn {
  const { pictures: carriers, text } = readMessage(message);
  const references = carriers.map((carrier) =>
    readReference("url" in carrier ? carrier.url : hoistedMark(carrier.hoisted), pictures, `${field}.content`, SCHEMES),
  );
  return { role: "model", text, references };
}

function wrong(field: string, allowed: string): GatewayError {
  return new GatewayError("invalid_request", `${field} ${allowed}.`, { field });
}
