import type { Admission } from "./rate-limiter.ts";
import { type Policy, fillMs } from "./token-bucket.ts";

/** The largest integer in a structured field (RFC 9651, 3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

/**
 * Return the rate limit headers of draft-ietf-httpapi-ratelimit-headers-11. `RateLimit-Policy` lists every bucket;
 * `RateLimit` reports only the tightest, so that the fill level of the global bucket stays private until it limits the
 * client. A rejected request also gets `Retry-After`, never earlier than `t`.
 */
export function rateLimitHeaders(admission: Admission): Record<string, string> {
  const { admitted, tightest, buckets, retryAfter } = admission;
  if (tightest === undefined) return {};
  const reset = Number.isFinite(tightest.resetSeconds) ? { t: Math.ceil(tightest.resetSeconds) } : {};
  const headers: Record<string, string> = {
    "RateLimit-Policy": buckets.map(({ name, policy }) => item(name, quota(policy))).join(", "),
    RateLimit: item(tightest.name, { r: tightest.remaining, ...reset }),
  };
  if (!admitted && retryAfter !== undefined) headers["Retry-After"] = String(Math.min(MAX_INTEGER, retryAfter));
  return headers;
}

/** The capacity, and the time to refill an empty bucket: the sustainable rate. It is never less than `r`. */
function quota(policy: Policy): Record<string, number> {
  const seconds = Math.ceil(fillMs(policy) / 1000);
  return seconds > 0 && seconds <= MAX_INTEGER ? { q: policy.capacity, w: seconds } : { q: policy.capacity };
}

function item(name: string, parameters: Record<string, number>): string {
  let text = `"${name.replace(/[^ -~]/g, "").replace(/["\\]/g, "\\$&")}"`;
  for (const [key, value] of Object.entries(parameters)) text += `;${key}=${Math.min(MAX_INTEGER, Math.floor(value))}`;
  return text;
}
