import { GatewayError } from "../errors.ts";
import { type VendorErrorKind, ERROR_KINDS, REASONS, STATUSES } from "./error-codes.ts";
import { PHRASES } from "./error-phrases.ts";

export type { VendorErrorKind };

const REJECTED = Object.keys(REASONS).filter((reason) => REASONS[reason] === "content_rejected");

/** What words tell: the reasons above in capitals, as relays repeat them, then phrases. */
const TEXT_PATTERNS: readonly (readonly [VendorErrorKind, RegExp])[] = [
  ["content_rejected", new RegExp(`\\b(?:${REJECTED.join("|")})\\b`)],
  ["no_image", /\b(?:NO_IMAGE|IMAGE_OTHER)\b/],
  ...PHRASES,
];

/** Meanings of statuses that say little: words beside them say more. */
const WEAK_FROM_STATUS: ReadonlySet<VendorErrorKind> = new Set(["invalid_request", "key", "failed", "busy"]);
/** Of these a status says more than words do, unless it says no more than that the vendor failed. */
const WEAK_FROM_TEXT: ReadonlySet<VendorErrorKind> = new Set(["busy", "invalid_request", "unclear"]);

/** A vendor's error answer, as far as it could be read. */
export interface VendorErrorInput {
  /** HTTP status. */
  status: number;
  /** A number or a word inside the answer that stands for the error. */
  code?: number | string | undefined;
  message?: string | undefined;
  /** What this vendor's document, or its SDK, says of its own codes and statuses. */
  kinds?: Readonly<Record<number, VendorErrorKind>>;
}

/** The canonical error for a vendor's refusal; of status, code and words the most telling one counts. */
export function vendorError(vendor: string, answer: VendorErrorInput): GatewayError {
  // A code for success says nothing of an error.
  const input = Number(answer.code) === 0 ? { ...answer, code: undefined } : answer;
  const kind = kindOf(input);
  const { code, retryable = false, canFailover = false } = ERROR_KINDS[kind];
  const subject = kind === "key" ? `${vendor} refused the gateway's own key` : vendor;
  const chargeNote = kind === "unclear" ? " (it may still charge for the picture)" : "";
  const detail = { vendorStatus: input.status, retryable, canFailover };
  return new GatewayError(code, `${subject}: ${reasonFor(input)}${chargeNote}`, detail);
}

/** The canonical error for an answer without a picture; `reasons` are why it ended, where the answer says. */
export function noImageError(vendor: string, reasons: readonly string[], said?: string): GatewayError {
  const meanings = reasons.flatMap((reason) => kindOfReason(reason) ?? []);
  // Models also refuse in prose.
  const isRejected = meanings.includes("content_rejected") || classifyText(said ?? "") === "content_rejected";
  const meaning = isRejected ? "content_rejected" : (meanings[0] ?? "no_image");
  const reason = [...reasons, said].filter((part) => part !== undefined && part !== "").join("; ");
  const suffix = reason === "" ? "" : ` (${reason})`;
  const message = isRejected
    ? `The request was refused by the model's content rules${suffix}.`
    : `${vendor} answered without a picture${suffix}.`;
  return new GatewayError(ERROR_KINDS[meaning].code, message, { vendorStatus: 200 });
}

/** What a model's reason means, in whichever case a relay writes it. */
export function kindOfReason(reason: string): VendorErrorKind | undefined {
  return REASONS[reason.toUpperCase()];
}

function kindOf({ status, code, message: said, kinds: own = {} }: VendorErrorInput): VendorErrorKind {
  const word = typeof code === "string" ? classifyText(code) : undefined;
  // A word that stands for the error was chosen for it.
  if (word !== undefined && !WEAK_FROM_TEXT.has(word)) return word;
  const numericCode = Number(code ?? Number.NaN);
  const fromStatus = own[status] ?? kindOfStatus(status, code === undefined && said === undefined);
  const strongest =
    ifStrong(own[numericCode]) ?? ifStrong(fromStatus) ?? own[numericCode] ?? STATUSES[numericCode] ?? fromStatus;
  const fromText = classifyText(`${word === undefined ? "" : code} ${said ?? ""}`);
  if (fromText === undefined || !WEAK_FROM_STATUS.has(strongest)) return strongest;
  return WEAK_FROM_TEXT.has(fromText) && strongest !== "failed" && strongest !== "busy" ? strongest : fromText;
}

/** A status without a document's word on it; a server that failed and says nothing may be anybody. */
function kindOfStatus(status: number, isSilent: boolean): VendorErrorKind {
  const meaning = STATUSES[status] ?? "failed";
  return meaning === "failed" && status >= 500 && isSilent ? "unclear" : meaning;
}

const ifStrong = (meaning: VendorErrorKind | undefined) =>
  meaning === undefined || WEAK_FROM_STATUS.has(meaning) ? undefined : meaning;

/** What a text tells, by its beginning. */
export function classifyText(text: string): VendorErrorKind | undefined {
  return TEXT_PATTERNS.find(([, pattern]) => pattern.test(text.slice(0, 1000)))?.[0];
}

/** The vendor's reason, in its words. */
function reasonFor({ status, code, message: said }: VendorErrorInput): string {
  const word = typeof code === "string" && Number.isNaN(Number(code)) ? code : undefined;
  if (said === undefined) return word ?? (status === 200 && code !== undefined ? `code ${code}` : `status ${status}`);
  return word === undefined || classifyText(word) === undefined || said.includes(word) ? said : `${said} (${word})`;
}
