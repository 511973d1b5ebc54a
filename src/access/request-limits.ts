import { GatewayError } from "../errors.ts";
import { type Admission, type BucketUse, createRateLimiter } from "./rate-limiter.ts";
import type { Principal } from "./authenticate.ts";
import type { Limits } from "../limits.ts";
import { memoizeWeak } from "../memory.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";

/** What a request gives the gate: where counts are kept, a way to go on after the answer, and the answer's headers. */
interface LimitContext {
  env: { KV: KVNamespace };
  executionCtx: { waitUntil(promise: Promise<unknown>): void };
  header(name: string, value: string): void;
}

/** Token buckets live as long as the isolate, which has one KV binding. */
const rateLimiterOf = memoizeWeak((kv: KVNamespace) => createRateLimiter({ kv }));

/** The token buckets that one request passes; each step sets the headers that tell of all so far. */
export class RequestLimits {
  private readonly admission: ReturnType<typeof createRateLimiter>;
  private readonly asker: LimitContext;
  private readonly limits: Limits;
  private passed: Admission | undefined;

  constructor(asker: LimitContext, limits: Limits) {
    this.admission = rateLimiterOf(asker.env.KV);
    this.asker = asker;
    this.limits = limits;
  }

  /** A request of a principal: its own bucket and the global one. Throws rate_limited. */
  admitRequest(principal: Principal): void {
    const { keyPerMinute, globalPerMinute } = this.limits;
    const perMinute = principal.key?.perMinute ?? keyPerMinute;
    this.admit([bucket("key", principal.id, perMinute), bucket("global", "all", globalPerMinute)]);
  }

  /**
   * A request with reference pictures, once it has passed `admitRequest`: a stricter bucket. Throws rate_limited; then
   * the request still counts in the other buckets, for its pictures have been read and stored.
   */
  admitReferences(principal: Principal): void {
    this.admit([bucket("references", principal.id, this.limits.referencesPerMinute)]);
  }

  /** A signed URL that nobody has viewed yet. Throws rate_limited. */
  admitSigned(): void {
    const { signedPerMinute, globalPerMinute } = this.limits;
    this.admit([bucket("signed", "all", signedPerMinute), bucket("global", "all", globalPerMinute)]);
  }

  private admit(uses: BucketUse[]): void {
    const admission = this.admission.admit(uses, Date.now(), this.asker.executionCtx);
    this.passed = join(this.passed, admission);
    for (const [name, value] of Object.entries(rateLimitHeaders(this.passed))) this.asker.header(name, value);
    if (admission.admitted) return;
    const bucket = admission.tightest?.name ?? "";
    const { retryAfter } = admission;
    throw new GatewayError("rate_limited", `Too many requests: the limit "${bucket}" is reached.`, { retryAfter });
  }
}

function bucket(name: string, id: string, perMinute: number): BucketUse {
  return { name, id, policy: { capacity: perMinute, perMinute }, cost: 1 };
}

/** Two steps as one: every bucket of both, and of the tightest the one that refuses, or will refuse first. */
function join(before: Admission | undefined, now: Admission): Admission {
  if (before === undefined) return now;
  const left = ({ tightest }: Admission) => tightest?.remaining ?? Infinity;
  const tightest = now.admitted && left(before) < left(now) ? before.tightest : now.tightest;
  return { ...now, tightest, buckets: [...before.buckets, ...now.buckets] };
}
