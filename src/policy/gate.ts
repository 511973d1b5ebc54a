import type { Settings } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { type Admission, type BucketUse, createAdmission } from "./admission.ts";
import type { Policy } from "./bucket.ts";
import type { Principal } from "./credentials.ts";
import { rateLimitHeaders } from "./ratelimit-headers.ts";

/** What a request gives the gate: where counts are kept, a way to go on after the answer, and the answer's headers. */
interface Request {
  env: { KV: KVNamespace };
  executionCtx: { waitUntil(promise: Promise<unknown>): void };
  header(name: string, value: string): void;
}

/** Buckets live as long as the isolate; one set a KV binding, which is to say one. */
const admissions = new WeakMap<KVNamespace, ReturnType<typeof createAdmission>>();

/** The token buckets that one request passes; each step sets the headers that tell of them. */
export class Gate {
  private readonly admission: ReturnType<typeof createAdmission>;
  private readonly request: Request;
  private readonly limits: Settings["limits"];
  private passed: Admission | undefined;

  constructor(request: Request, settings: Settings) {
    const { KV } = request.env;
    this.admission = admissions.get(KV) ?? createAdmission({ kv: KV });
    admissions.set(KV, this.admission);
    this.request = request;
    this.limits = settings.limits;
  }

  /** A request of a principal: its own bucket and the global one. Throws rate_limited. */
  admitRequest(principal: Principal): void {
    this.passed = this.admit([
      { name: "key", id: principal.id, policy: policy(this.limits.keyPerMinute), cost: 1 },
      { name: "global", id: "all", policy: policy(this.limits.globalPerMinute), cost: 1 },
    ]);
  }

  /** A request with reference pictures, once it has passed `admitRequest`: a stricter bucket. Throws rate_limited. */
  admitReferences(principal: Principal): void {
    try {
      this.admit([{ name: "references", id: principal.id, policy: policy(this.limits.referencesPerMinute), cost: 1 }]);
    } catch (error) {
      if (this.passed !== undefined) this.admission.refund(this.passed);
      throw error;
    }
  }

  private admit(uses: BucketUse[]): Admission {
    const admission = this.admission.admit(uses, Date.now(), this.request.executionCtx);
    for (const [name, value] of Object.entries(rateLimitHeaders(admission))) this.request.header(name, value);
    if (admission.admitted) return admission;
    throw new GatewayError("rate_limited", `Too many requests: the limit "${admission.tightest?.name ?? ""}" is reached.`, { retryAfter: admission.retryAfter });
  }
}

function policy(perMinute: number): Policy {
  return { capacity: perMinute, perMinute };
}
