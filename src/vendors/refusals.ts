import { type ErrorCode, GatewayError } from "../errors.ts";
import { PHRASES } from "./refusal-phrases.ts";

/**
 * What a refusal means. Beside the canonical codes: `key`, the operator's own key is refused; `failed`, the vendor's own
 * word that it drew nothing; `busy`, the same for now; `away`, nothing reached it; `unclear`, nobody knows: the picture may
 * be drawn, and charged, all the same.
 */
export type Meaning =
  | "invalid_request"
  | "payload_too_large"
  | "model_not_found"
  | "insufficient_credit"
  | "content_rejected"
  | "rate_limited"
  | "no_image"
  | "key"
  | "failed"
  | "busy"
  | "away"
  | "unclear";

/** Meaning → the error it is, whether it may be tried again, and whether another vendor may be asked. */
const MEANINGS: Readonly<Record<Meaning, { code: ErrorCode; retryable?: true; elsewhere?: true }>> = {
  invalid_request: { code: "invalid_request" },
  content_rejected: { code: "content_rejected" },
  no_image: { code: "no_image" },
  // Limits of bodies differ, and what is over one is not read.
  payload_too_large: { code: "payload_too_large", elsewhere: true },
  model_not_found: { code: "model_not_found", elsewhere: true },
  insufficient_credit: { code: "insufficient_credit", elsewhere: true },
  rate_limited: { code: "rate_limited", retryable: true, elsewhere: true },
  // To the caller, whose own key is fine, it is a fault of the vendor's side.
  key: { code: "vendor_error", elsewhere: true },
  failed: { code: "vendor_error", elsewhere: true },
  busy: { code: "vendor_error", retryable: true, elsewhere: true },
  away: { code: "vendor_error", retryable: true, elsewhere: true },
  unclear: { code: "vendor_error" },
};

/** HTTP statuses, and codes in an answer that are written like one, where a vendor's document says nothing else. */
export const STATUSES: Readonly<Record<number, Meaning>> = {
  400: "invalid_request",
  401: "key",
  402: "insufficient_credit",
  // The key may be good, and the place or the path wrong.
  403: "failed",
  404: "failed",
  408: "unclear",
  413: "payload_too_large",
  415: "invalid_request",
  422: "invalid_request",
  429: "rate_limited",
  451: "content_rejected",
  500: "failed",
  502: "unclear",
  503: "busy",
  504: "unclear",
  // Cloudflare's own. The vendor's answer broke off or did not come in time:
  520: "unclear",
  524: "unclear",
  // It was refused, unreachable, without TLS or a name:
  521: "away",
  522: "away",
  523: "away",
  525: "away",
  526: "away",
  530: "away",
};

/** Why a model ended without a picture, in capitals: the Gemini API's finishReason, and chat's finish_reason. */
export const REASONS: Readonly<Record<string, Meaning>> = {
  // promptFeedback has a blockReason, whichever it is.
  PROMPT_BLOCKED: "content_rejected",
  SAFETY: "content_rejected",
  IMAGE_SAFETY: "content_rejected",
  PROHIBITED_CONTENT: "content_rejected",
  IMAGE_PROHIBITED_CONTENT: "content_rejected",
  BLOCKLIST: "content_rejected",
  SPII: "content_rejected",
  RECITATION: "content_rejected",
  IMAGE_RECITATION: "content_rejected",
  MODEL_ARMOR: "content_rejected",
  JAILBREAK: "content_rejected",
  CONTENT_FILTER: "content_rejected",
  // It was cut off while it worked.
  MAX_TOKENS: "unclear",
  LENGTH: "unclear",
  STOP: "no_image",
  NO_IMAGE: "no_image",
  IMAGE_OTHER: "no_image",
  OTHER: "no_image",
  LANGUAGE: "no_image",
  MALFORMED_FUNCTION_CALL: "no_image",
  UNEXPECTED_TOOL_CALL: "no_image",
  TOO_MANY_TOOL_CALLS: "no_image",
};

const REJECTED = Object.keys(REASONS).filter((reason) => REASONS[reason] === "content_rejected");

/** What words tell: the reasons above in capitals, as relays repeat them, then phrases. */
const WORDS: readonly (readonly [Meaning, RegExp])[] = [
  ["content_rejected", new RegExp(`\\b(?:${REJECTED.join("|")})\\b`)],
  ["no_image", /\b(?:NO_IMAGE|IMAGE_OTHER)\b/],
  ...PHRASES,
];

/** Meanings of statuses that say little: words beside them say more. */
const VAGUE: ReadonlySet<Meaning> = new Set(["invalid_request", "key", "failed", "busy"]);
/** Of these a status says more than words do, unless it says no more than that the vendor failed. */
const FAINT: ReadonlySet<Meaning> = new Set(["busy", "invalid_request", "unclear"]);

/** A vendor's error answer, as far as it could be read. */
export interface Refused {
  /** HTTP status. */
  status: number;
  /** A number or a word inside the answer that stands for the error. */
  code?: number | string | undefined;
  said?: string | undefined;
  /** What this vendor's document, or its SDK, says of its own codes and statuses. */
  own?: Readonly<Record<number, Meaning>>;
}

/** The canonical error for a vendor's refusal; of status, code and words the most telling one counts. */
export function refusal(vendor: string, answer: Refused): GatewayError {
  // A code for success says nothing of an error.
  const refused = Number(answer.code) === 0 ? { ...answer, code: undefined } : answer;
  const meaning = meaningOf(refused);
  const { code, retryable = false, elsewhere = false } = MEANINGS[meaning];
  const who = meaning === "key" ? `${vendor} refused the gateway's own key` : vendor;
  const after = meaning === "unclear" ? " (it may still charge for the picture)" : "";
  const detail = { vendorStatus: refused.status, retryable, elsewhere };
  return new GatewayError(code, `${who}: ${reasonFor(refused)}${after}`, detail);
}

/** The canonical error for an answer without a picture; `reasons` are why it ended, where the answer says. */
export function withoutPicture(vendor: string, reasons: readonly string[], said?: string): GatewayError {
  const meanings = reasons.flatMap((reason) => reasonOf(reason) ?? []);
  // Models also refuse in prose.
  const isRejected = meanings.includes("content_rejected") || tell(said ?? "") === "content_rejected";
  const meaning = isRejected ? "content_rejected" : (meanings[0] ?? "no_image");
  const why = [...reasons, said].filter((part) => part !== undefined && part !== "").join("; ");
  const because = why === "" ? "" : ` (${why})`;
  const message = isRejected
    ? `The request was refused by the model's content rules${because}.`
    : `${vendor} answered without a picture${because}.`;
  return new GatewayError(MEANINGS[meaning].code, message, { vendorStatus: 200 });
}

/** What a model's reason means, in whichever case a relay writes it. */
export function reasonOf(reason: string): Meaning | undefined {
  return REASONS[reason.toUpperCase()];
}

function meaningOf({ status, code, said, own = {} }: Refused): Meaning {
  const word = typeof code === "string" ? tell(code) : undefined;
  // A word that stands for the error was chosen for it.
  if (word !== undefined && !FAINT.has(word)) return word;
  const number = Number(code ?? Number.NaN);
  const outside = own[status] ?? usual(status, code === undefined && said === undefined);
  const first = definite(own[number]) ?? definite(outside) ?? own[number] ?? STATUSES[number] ?? outside;
  const told = tell(`${word === undefined ? "" : code} ${said ?? ""}`);
  if (told === undefined || !VAGUE.has(first)) return first;
  return FAINT.has(told) && first !== "failed" && first !== "busy" ? first : told;
}

/** A status without a document's word on it; a server that failed and says nothing may be anybody. */
function usual(status: number, isSilent: boolean): Meaning {
  const meaning = STATUSES[status] ?? "failed";
  return meaning === "failed" && status >= 500 && isSilent ? "unclear" : meaning;
}

const definite = (meaning: Meaning | undefined) => (meaning === undefined || VAGUE.has(meaning) ? undefined : meaning);

/** What a text tells, by its beginning. */
export function tell(text: string): Meaning | undefined {
  return WORDS.find(([, pattern]) => pattern.test(text.slice(0, 1000)))?.[0];
}

/** The vendor's reason, in its words. */
function reasonFor({ status, code, said }: Refused): string {
  const word = typeof code === "string" && Number.isNaN(Number(code)) ? code : undefined;
  if (said === undefined) return word ?? (status === 200 && code !== undefined ? `code ${code}` : `status ${status}`);
  return word === undefined || tell(word) === undefined || said.includes(word) ? said : `${said} (${word})`;
}
