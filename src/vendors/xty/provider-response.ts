import { asCode, asList, asObject, errorMessageIn, asText } from "../response-fields.ts";
import type { VendorErrorInput } from "../vendor-errors.ts";
import type { ImageSource, VendorResult } from "../vendor.ts";
import { imageSourcesIn, readMessage, type MessageContent } from "./message-pictures.ts";

/** A decoded response; `reasons` are its end reasons, for a response without a picture. */
export interface ParsedAnswer extends VendorResult {
  reasons: string[];
}

/** Read an error, `{error: {message, type, param, code}}` with any status or a relay's own form; undefined if none. */
export function readError(status: number, wire: unknown): Pick<VendorErrorInput, "code" | "message"> | undefined {
  const answers = answersIn(wire);
  const answer = answers.find(isError) ?? (status === 200 ? undefined : (answers[0] ?? {}));
  if (answer === undefined) return undefined;
  const error = asObject(answer["error"]);
  return {
    code: asCode(error["code"]) ?? asCode(error["type"]) ?? asCode(answer["code"]),
    message: errorMessageIn(answer),
  };
}

/** Decode a response to a request for `n` pictures, and find the pictures in all places that such relays use. */
export function readAnswer(wire: unknown, n: number): ParsedAnswer {
  const answers = answersIn(wire);
  const choices = choicesOf(answers);
  const images = finalPictures(choices, n);
  return {
    // Some relays respond in the format of OpenAI's images API.
    images: images.length > 0 ? images : answers.flatMap(({ data }) => imageSourcesIn(data)),
    text: asText(choices.flatMap((choice) => choice.text ?? []).join("\n")),
    usage: answers.map(({ usage }) => asObject(usage)).findLast((usage) => Object.keys(usage).length > 0),
    reasons: choices.flatMap(({ reasons }) => reasons),
  };
}

/** The objects of a response: chunks from a relay that streams although the request did not, else a single one. */
function answersIn(wire: unknown): Record<string, unknown>[] {
  return Array.isArray(wire) ? wire.map(asObject) : [asObject(wire)];
}

function isError({ error, choices, data, message, msg }: Record<string, unknown>): boolean {
  return (
    (error ?? undefined) !== undefined || ((choices ?? data) === undefined && asText(message ?? msg) !== undefined)
  );
}

interface Choice extends MessageContent {
  reasons: string[];
}

function choicesOf(answers: readonly Record<string, unknown>[]): Choice[] {
  const pieces = answers.flatMap(({ choices }) => asList(choices).map(asObject));
  // In a response that is not in chunks, every entry is a choice of its own, whatever its index is.
  const choices =
    answers.length === 1 ? pieces.map((piece) => [piece]) : Map.groupBy(pieces, ({ index }) => index).values();
  return Array.from(choices, (chunks) => {
    const message = mergeChunks(chunks.map(({ message, delta }) => asObject(message ?? delta)));
    const reasons = chunks.flatMap(({ finish_reason: reason }) => asText(reason) ?? []);
    return { ...readMessage(message), reasons: asText(message["refusal"]) ? [...reasons, "content_filter"] : reasons };
  });
}

/** Merge the chunks of one message. */
function mergeChunks(pieces: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const contents = pieces.map(({ content }) => content);
  const texts = contents.map((content) => (typeof content === "string" ? content : ""));
  const content = contents.some(Array.isArray) ? contents.flat() : texts.join("");
  const merged: Record<string, unknown> = {};
  for (const piece of pieces) Object.assign(merged, piece);
  return { ...merged, content, images: pieces.flatMap(({ images }) => images ?? []) };
}

/**
 * Select the final pictures. Drafts come in the same response, before the final picture: of each choice the last
 * picture counts, and earlier ones only if there are fewer choices than the `n` requested pictures.
 */
function finalPictures(choices: readonly Choice[], n: number): ImageSource[] {
  let spare = Math.max(0, n - choices.length);
  return choices.flatMap(({ pictures }) => {
    const more = Math.max(0, Math.min(spare, pictures.length - 1));
    spare -= more;
    return pictures.slice(-1 - more);
  });
}
