import { GatewayError } from "../errors.ts";
import { type VendorErrorKind, ERROR_KINDS, REASONS, STATUSES } from "./error-codes.ts";
import { PHRASES } from "./error-phrases.ts";

export type { VendorErrorKind };

const REJECTED = Object.keys(REASONS).filter((reason) => REASONS[reason] === "content_rejected");

/** Patterns for error texts: the reasons above in capitals, as relays repeat them, then the phrases. */
const TEXT_PATTERNS: readonly (readonly [VendorErrorKind, RegExp])[] = [
  ["content_rejected", new RegExp(`\\b(?:${REJECTED.join("|")})\\b`)],
  ["no_image", /\b(?:NO_IMAGE|IMAGE_OTHER)\b/],
  ...PHRASES,
];

/** Kinds from a status that say little: a text in the same response is more precise. */
const WEAK_FROM_STATUS: ReadonlySet<VendorErrorKind> = new Set(["invalid_request", "auth", "failed", "busy"]);
/** Kinds from a text that are less precise than a status, unless the status only says that the vendor failed. */
const WEAK_FROM_TEXT: ReadonlySet<VendorErrorKind> = new Set(["busy", "invalid_request", "unknown"]);

/** A vendor's error response, as far as it could be read. */
export interface VendorErrorInput {
  /** HTTP status. */
  status: number;
  /** The error code in the body: a number or a text. */
  code?: number | string | undefined;
  message?: string | undefined;
  /** The meanings that this vendor's document or SDK gives to its codes and statuses. */
  kinds?: Readonly<Record<number, VendorErrorKind>>;
}

/** The canonical error for a vendor's error response; the most precise of status, code and text decides. */
export function vendorError(vendor: string, answer: VendorErrorInput): GatewayError {
  // Code 0 means success and says nothing about the error.
  const input = Number(answer.code) === 0 ? { ...answer, code: undefined } : answer;
  const kind = kindOf(input);
  const { code, retryable = false, canFailover = false } = ERROR_KINDS[kind];
  const subject = kind === "auth" ? `${vendor} refused the gateway's own key` : vendor;
  const chargeNote = kind === "unknown" ? " (it may still charge for the picture)" : "";
  const detail = { vendorStatus: input.status, retryable, canFailover };
  return new GatewayError(code, `${subject}: ${reasonFor(input)}${chargeNote}`, detail);
}

/** The canonical error for a response without a picture; `reasons` are the end reasons that the response gives. */
export function noImageError(vendor: string, reasons: readonly string[], text?: string): GatewayError {
  const kinds = reasons.flatMap((reason) => kindOfReason(reason) ?? []);
  // Models also refuse in prose.
  const isRejected = kinds.includes("content_rejected") || classifyText(text ?? "") === "content_rejected";
  const kind = isRejected ? "content_rejected" : (kinds[0] ?? "no_image");
  const reason = [...reasons, text].filter((part) => part !== undefined && part !== "").join("; ");
  const suffix = reason === "" ? "" : ` (${reason})`;
  const message = isRejected
    ? `The request was refused by the model's content rules${suffix}.`
    : `${vendor} answered without a picture${suffix}.`;
  return new GatewayError(ERROR_KINDS[kind].code, message, { vendorStatus: 200 });
}

/** The meaning of a model's end reason; relays write it in upper or lower case. */
export function kindOfReason(reason: string): VendorErrorKind | undefined {
  return REASONS[reason.toUpperCase()];
}

function kindOf({ status, code, message, kinds = {} }: VendorErrorInput): VendorErrorKind {
  const word = typeof code === "string" ? classifyText(code) : undefined;
  // An error code in words was chosen for this error, so it counts first.
  if (word !== undefined && !WEAK_FROM_TEXT.has(word)) return word;
  const numericCode = Number(code ?? Number.NaN);
  const fromStatus = kinds[status] ?? kindOfStatus(status, code === undefined && message === undefined);
  const strongest =
    ifStrong(kinds[numericCode]) ?? ifStrong(fromStatus) ?? kinds[numericCode] ?? STATUSES[numericCode] ?? fromStatus;
  const fromText = classifyText(`${word === undefined ? "" : code} ${message ?? ""}`);
  if (fromText === undefined || !WEAK_FROM_STATUS.has(strongest)) return strongest;
  return WEAK_FROM_TEXT.has(fromText) && strongest !== "failed" && strongest !== "busy" ? strongest : fromText;
}

/** The kind of an undocumented status. A 5xx without any text may come from a proxy, so the outcome is unknown. */
function kindOfStatus(status: number, isSilent: boolean): VendorErrorKind {
  const kind = STATUSES[status] ?? "failed";
  return kind === "failed" && status >= 500 && isSilent ? "unknown" : kind;
}

const ifStrong = (kind: VendorErrorKind | undefined) =>
  kind === undefined || WEAK_FROM_STATUS.has(kind) ? undefined : kind;

/** Classify an error text by its first 1,000 characters. */
export function classifyText(text: string): VendorErrorKind | undefined {
  return TEXT_PATTERNS.find(([, pattern]) => pattern.test(text.slice(0, 1000)))?.[0];
}

/** The vendor's reason, in its own words. */
function reasonFor({ status, code, message }: VendorErrorInput): string {
  const word = typeof code === "string" && Number.isNaN(Number(code)) ? code : undefined;
  if (message === undefined)
    return word ?? (status === 200 && code !== undefined ? `code ${code}` : `status ${status}`);
  return word === undefined || classifyText(word) === undefined || message.includes(word)
    ? message
    : `${message} (${word})`;
}
