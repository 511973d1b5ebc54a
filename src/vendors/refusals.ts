import { type ErrorCode, GatewayError } from "../errors.ts";

/**
 * What a refusal means. Beside the canonical codes: `key`, the operator's own key is refused; `failed`, the vendor's own
 * word that it drew nothing; `busy`, the same for now; `away`, nothing reached it; `proxy`, an error from somewhere before
 * it, behind which the picture may be drawn, and charged, all the same.
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
  | "proxy";

/** Meaning → the error it is, whether it may be tried again, and whether another vendor may be asked. */
export const MEANINGS: Readonly<Record<Meaning, { code: ErrorCode; retryable?: true; elsewhere?: true }>> = {
  invalid_request: { code: "invalid_request" },
  payload_too_large: { code: "payload_too_large" },
  content_rejected: { code: "content_rejected" },
  no_image: { code: "no_image" },
  model_not_found: { code: "model_not_found", elsewhere: true },
  insufficient_credit: { code: "insufficient_credit", elsewhere: true },
  rate_limited: { code: "rate_limited", retryable: true, elsewhere: true },
  // To the caller, whose own key is fine, it is a fault of the vendor's side.
  key: { code: "vendor_error", elsewhere: true },
  failed: { code: "vendor_error", elsewhere: true },
  busy: { code: "vendor_error", retryable: true, elsewhere: true },
  away: { code: "vendor_error", retryable: true, elsewhere: true },
  proxy: { code: "vendor_error" },
};

/** HTTP statuses, and codes in an answer that are written like one, where a vendor's document says nothing else. */
export const STATUSES: Readonly<Record<number, Meaning>> = {
  400: "invalid_request",
  401: "key",
  402: "insufficient_credit",
  403: "key",
  413: "payload_too_large",
  415: "invalid_request",
  422: "invalid_request",
  429: "rate_limited",
  451: "content_rejected",
  500: "failed",
  502: "proxy",
  503: "busy",
  504: "proxy",
  // Cloudflare's own: refused, timed out before connecting, unreachable, no TLS, no name.
  521: "away",
  522: "away",
  523: "away",
  525: "away",
  526: "away",
  530: "away",
};

/** Statuses that say too little: words beside them say more. */
const VAGUE: ReadonlySet<number> = new Set([200, 400, 403, 404, 422, 500]);

/** Words in a message or a code, the first that fit. Bounded, because they see what a vendor sends. */
export const WORDS: readonly (readonly [Meaning, RegExp])[] = [
  [
    "content_rejected",
    /moderat|sensitive|prohibited|nsfw|prompt_blocked|content[ _-]?(?:policy|filter|safety)|safety (?:system|filter|polic|check|reason)|(?:blocked|rejected|refused) (?:by|for|due)|审核|违规|敏感|不安全/i,
  ],
  ["insufficient_credit", /insufficient|(?:out of|no|not enough) (?:credit|balance|quota)|余额|额度|欠费|积分不足/i],
  ["key", /api[ _-]?key|unauthori[sz]ed|invalid[ _]token|令牌|鉴权|密钥/i],
  [
    "model_not_found",
    /model_not_found|model\b.{0,80}\b(?:not found|not exist|not supported|not available|unavailable|unknown)|unknown model|no available channel|无可用渠道|模型不存在|不支持的模型/i,
  ],
  ["rate_limited", /rate[ _-]?limit|too many requests|too frequent|频繁|限流/i],
  ["no_image", /empty_response|no image|image upload err/i],
];

/** Why a model ended without a picture: the Gemini API's finishReason and blockReason, and chat's finish_reason. */
export const REASONS: Readonly<Record<string, Meaning>> = {
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
  BLOCK_REASON_OTHER: "content_rejected",
  content_filter: "content_rejected",
  MAX_TOKENS: "proxy",
  length: "proxy",
  STOP: "no_image",
  NO_IMAGE: "no_image",
  IMAGE_OTHER: "no_image",
  OTHER: "no_image",
  LANGUAGE: "no_image",
  MALFORMED_FUNCTION_CALL: "no_image",
  UNEXPECTED_TOOL_CALL: "no_image",
  TOO_MANY_TOOL_CALLS: "no_image",
  stop: "no_image",
};

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
export function refusal(vendor: string, { status, code, said, own = {} }: Refused): GatewayError {
  const meaning = meaningOf(status, code, said, own);
  const { code: name, retryable = false, elsewhere = false } = MEANINGS[meaning];
  const who = meaning === "key" ? `${vendor} refused the gateway's own key` : vendor;
  return new GatewayError(name, `${who}: ${said ?? `status ${status}`}`, {
    vendorStatus: status,
    retryable,
    elsewhere,
  });
}

function meaningOf(
  status: number,
  code: number | string | undefined,
  said: string | undefined,
  own: Readonly<Record<number, Meaning>>,
): Meaning {
  const number = Number(code ?? Number.NaN);
  const known = own[number] ?? (status === 200 ? undefined : own[status]);
  if (known !== undefined) return known;
  const inside = STATUSES[number];
  const effective = status === 200 ? (number >= 400 && number < 600 ? number : 200) : status;
  if (VAGUE.has(effective)) {
    const words = `${typeof code === "string" ? code.slice(0, 100) : ""} ${(said ?? "").slice(0, 1000)}`;
    const told = WORDS.find(([, pattern]) => pattern.test(words))?.[0];
    if (told !== undefined) return told;
  }
  // An error in the vendor's own JSON is its own, whatever proxy's status it has.
  if (STATUSES[effective] === undefined) return inside ?? (said === undefined && effective >= 500 ? "proxy" : "failed");
  return STATUSES[effective];
}

/** The canonical error for an answer without a picture: `reasons` are keys of REASONS, where the answer has them. */
export function withoutPicture(vendor: string, reasons: readonly string[], said?: string): GatewayError {
  const meanings = reasons.map((reason) => REASONS[reason]);
  const meaning = meanings.includes("content_rejected")
    ? "content_rejected"
    : (meanings.find((each) => each !== undefined) ?? "no_image");
  const why = [...reasons, said].filter((part) => part !== undefined && part !== "").join("; ");
  const because = why === "" ? "" : ` (${why})`;
  const message =
    meaning === "content_rejected"
      ? `The request was refused by the model's content rules${because}.`
      : `${vendor} answered without a picture${because}.`;
  return new GatewayError(MEANINGS[meaning].code, message, { vendorStatus: 200 });
}
