import { GatewayError } from "../errors.ts";
import { type Admission, type BucketUse, createRateLimiter } from "./rate-limiter.ts";
import type { Principal } from "./authenticate.ts";
import type { Limits } from "../limits.ts";
import { memoizeWeak } from "../memory.ts";
import { fillMs, type Policy } from "./token-bucket.ts";

/** The parts of Hono's Context used here: the bindings, waitUntil, and the response headers. */
interface LimitContext {
  env: { KV: KVNamespace };
  executionCtx: { waitUntil(promise: Promise<unknown>): void };
  header(name: string, value: string): void;
}

/** Token buckets live as long as the isolate, which has one KV binding. */
const rateLimiterOf = memoizeWeak((kv: KVNamespace) => createRateLimiter({ kv }));

/** The token buckets that one request passes. Each step sets the headers for all buckets so far. */
export class RequestLimits {
  private readonly rateLimiter: ReturnType<typeof createRateLimiter>;
  private readonly context: LimitContext;
  private readonly limits: Limits;
  private combined: Admission | undefined;

  constructor(context: LimitContext, limits: Limits) {
    this.rateLimiter = rateLimiterOf(context.env.KV);
    this.context = context;
    this.limits = limits;
  }

  /** Charge a request to its principal's bucket and the global one. Throws rate_limited. */
  admitRequest(principal: Principal): void {
    const { keyPerMinute, globalPerMinute } = this.limits;
    const perMinute = principal.key?.perMinute ?? keyPerMinute;
    this.admit([bucketUse("key", principal.id, perMinute), bucketUse("global", "all", globalPerMinute)]);
  }

  /**
   * Charge a request with reference pictures to a stricter bucket, after `admitRequest`. Throws rate_limited; the
   * request still counts in the other buckets, because its pictures have been read and stored.
   */
  admitReferences(principal: Principal): void {
    this.admit([bucketUse("references", principal.id, this.limits.referencesPerMinute)]);
  }

  /** Charge the first view of a signed URL. Throws rate_limited. */
  admitSigned(): void {
    const { signedPerMinute, globalPerMinute } = this.limits;
    this.admit([bucketUse("signed", "all", signedPerMinute), bucketUse("global", "all", globalPerMinute)]);
  }

  private admit(uses: BucketUse[]): void {
    const admission = this.rateLimiter.admit(uses, Date.now(), this.context.executionCtx);
    this.combined = combineAdmissions(this.combined, admission);
    for (const [name, value] of Object.entries(rateLimitHeaders(this.combined))) this.context.header(name, value);
    if (admission.admitted) return;
    const bucket = admission.tightest?.name ?? "";
    const { retryAfter } = admission;
    throw new GatewayError("rate_limited", `Too many requests: the limit "${bucket}" is reached.`, { retryAfter });
  }
}

function bucketUse(name: string, id: string, perMinute: number): BucketUse {
  return { name, id, policy: { capacity: perMinute, perMinute }, cost: 1 };
}

/** Combine two steps: the buckets of both, and as the tightest the bucket that rejects or will reject first. */
function combineAdmissions(earlier: Admission | undefined, latest: Admission): Admission {
  if (earlier === undefined) return latest;
  const remaining = ({ tightest }: Admission) => tightest?.remaining ?? Infinity;
  const tightest = latest.admitted && remaining(earlier) < remaining(latest) ? earlier.tightest : latest.tightest;
  return { ...latest, tightest, buckets: [...earlier.buckets, ...latest.buckets] };
}

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
