import { asCode, asList, asObject, errorMessageIn, asText } from "../response-fields.ts";
import type { VendorErrorInput } from "../vendor-errors.ts";
import type { ImageSource, VendorResult } from "../vendor.ts";
import { imageSourcesIn, readMessage, type MessageContent } from "./message-pictures.ts";

/** What is in an answer; `reasons` say why it ended where it has no picture. */
export interface ParsedAnswer extends VendorResult {
  reasons: string[];
}

/** The error that an answer is: `{error: {message, type, param, code}}`, with any status, or a relay's own. */
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

/** Finds the pictures, of which `n` were asked for, wherever such relays put them. */
export function readAnswer(wire: unknown, n: number): ParsedAnswer {
  const answers = answersIn(wire);
  const choices = choicesOf(answers);
  const images = finalPictures(choices, n);
  return {
    // Some answer as OpenAI's images API does.
    images: images.length > 0 ? images : answers.flatMap(({ data }) => imageSourcesIn(data)),
    text: asText(choices.flatMap((choice) => choice.text ?? []).join("\n")),
    usage: answers.map(({ usage }) => asObject(usage)).findLast((usage) => Object.keys(usage).length > 0),
    reasons: choices.flatMap(({ reasons }) => reasons),
  };
}

/** A relay that streams unasked answers a list of chunks. */
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
  // In one whole answer each is a choice of its own, whatever its index says.
  const choices =
    answers.length === 1 ? pieces.map((piece) => [piece]) : Map.groupBy(pieces, ({ index }) => index).values();
  return Array.from(choices, (each) => {
    const message = mergeChunks(each.map(({ message, delta }) => asObject(message ?? delta)));
    const reasons = each.flatMap(({ finish_reason: reason }) => asText(reason) ?? []);
    return { ...readMessage(message), reasons: asText(message["refusal"]) ? [...reasons, "content_filter"] : reasons };
  });
}

/** A message of its chunks. */
function mergeChunks(pieces: readonly Record<string, unknown>[]): Record<string, unknown> {
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) return only;
  const contents = pieces.map(({ content }) => content);
  const texts = contents.map((each) => (typeof each === "string" ? each : ""));
  const content = contents.some(Array.isArray) ? contents.flat() : texts.join("");
  const merged: Record<string, unknown> = {};
  for (const piece of pieces) Object.assign(merged, piece);
  return { ...merged, content, images: pieces.flatMap(({ images }) => images ?? []) };
}

/**
 * Drafts come along with the final pictures, and before them: of each choice the last one counts, and others only where
 * there are fewer choices than were asked for.
 */
function finalPictures(choices: readonly Choice[], n: number): ImageSource[] {
  let spare = Math.max(0, n - choices.length);
  return choices.flatMap(({ pictures }) => {
    const more = Math.max(0, Math.min(spare, pictures.length - 1));
    spare -= more;
    return pictures.slice(-1 - more);
  });
}
