import type { Failover } from "../env.ts";
import { type GatewayError, withDetail } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Candidates } from "../models/candidates.ts";
import { type Endpoint, isReachable } from "../vendors/send.ts";
import type { CallResult, FailedCall } from "./runtime.ts";
import { MAX_CONCURRENT, Semaphore } from "../concurrency.ts";
import { callVendor, type Run } from "./vendor-call.ts";

/**
 * Call vendors until all pictures of the request are generated: as many calls as a vendor needs for n pictures, and each
 * failed call moves to the next candidate where failover allows it. Some pictures are a result, with a warning; throws if
 * there are none. `failed` is a first call that was made already.
 */
export async function callWithFailover(run: Run, failed?: FailedCall): Promise<CallResult[]> {
  const { recorder, runtime } = run;
  const { n } = run.generation.parsed.request;
  const slots = runtime.slots ?? new Semaphore();
  const failures: GatewayError[] = [];

  /** `candidates` are those that are left, the one to call first. */
  const callAll = async (pictures: number, candidates: Candidates, endsAt?: number): Promise<CallResult[]> => {
    const perCall = candidates[0].spec.n;
    const counts = Array.from({ length: Math.ceil(pictures / perCall) }, (_, index) =>
      Math.min(perCall, pictures - index * perCall),
    );
    return (await Promise.all(counts.map((count) => callOnce(count, candidates, endsAt)))).flat();
  };

  const callOnce = async (pictures: number, candidates: Candidates, endsAt?: number): Promise<CallResult[]> => {
    // Without a deadline it starts with the call, when a slot is free.
    const result = await slots.run(() => callVendor(run, { candidate: candidates[0], n: pictures, endsAt }));
    return "error" in result ? moveOn(pictures, candidates, result) : [result];
  };

  const moveOn = async (pictures: number, candidates: Candidates, { error: thrown, endsAt }: FailedCall) => {
    const [{ endpoint }, next, ...others] = candidates;
    const { failover } = runtime.config;
    // A charge matters to the next candidate, and to clients that repeat a shared generation.
    const matters = failover !== "off" && (next !== undefined || run.mode.kind !== "direct");
    const error = matters ? await probeIfLost(thrown, endpoint) : thrown;
    failures.push(error);
    if (next === undefined || Date.now() >= endsAt || !canMoveOn(error, failover)) return [];
    recorder.selectVendor(next, { vendor: endpoint.provider.name, error });
    return callAll(pictures, [next, ...others], endsAt);
  };

  const results = await (failed === undefined ? callAll(n, run.candidates) : moveOn(n, run.candidates, failed));
  const made = results.reduce((sum, { pictures }) => sum + pictures.length, 0);
  const error = mostInformative(failures);
  if (made === 0 && error !== undefined) throw error;
  if (made < n) recorder.warn(`${made} of ${n} pictures could be made${error === undefined ? "" : ` (${error.code})`}`);
  return results;
}

/**
 * Mark the error of a vendor that never saw the request as one that allows failover. The runtime does not distinguish a
 * refused connection from one that broke after the request was sent, so an early loss is followed by a probe of the host.
 */
async function probeIfLost(error: GatewayError, endpoint: Endpoint): Promise<GatewayError> {
  // A vendor inside this process has no host.
  const isKnown = !error.connectionLost || error.canFailover || endpoint.provider.localFetch !== undefined;
  if (isKnown || (await isReachable(endpoint))) return error;
  return withDetail(error, { canFailover: true });
}

/** True if the next candidate may be called after this error. */
function canMoveOn({ code, canFailover }: GatewayError, failover: Failover): boolean {
  if (failover === "off") return false;
  return canFailover || (failover === "always" && (code === "vendor_error" || code === "vendor_timeout"));
}

/** Of the errors of several vendors, the one that any vendor would return; else a retryable one. */
function mostInformative(errors: readonly GatewayError[]): GatewayError | undefined {
  return errors.find((error) => !error.canFailover) ?? errors.find((error) => error.retryable) ?? errors[0];
}

/** The longest run of a generation, in milliseconds: its request, its references, and one round of calls per MAX_CONCURRENT pictures. */
export function maxGenerationMs({ requestMs, downloadMs, answerMs, pictures }: Limits): number {
  return requestMs + 2 * downloadMs + answerMs * Math.ceil(pictures / MAX_CONCURRENT);
}
