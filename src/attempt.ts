import { asGatewayError, type GatewayError } from "./errors.ts";
import { exchange, type Exchanged } from "./exchange.ts";
import type { Exchange } from "./receive.ts";
import type { Attempt } from "./image/request.ts";
import { Breakers, type Outcome } from "./policy/breaker.ts";

const breakers = new Breakers();

/** One call to a vendor, unless its breaker is open; `attempts` gets one more only for a call that was made. */
export async function attempt(attempts: Attempt[], work: Exchange): Promise<Exchanged> {
  const { provider } = work.route.target;
  const vendor = provider.name;
  const from = Date.now();
  // A vendor inside this process is never overloaded; it only says so when it is told to.
  const guarded = provider.answer === undefined;
  if (guarded) breakers.admit(vendor, from);
  const made: Attempt = { vendor, ms: 0 };
  attempts.push(made);
  try {
    const exchanged = await exchange(work);
    if (guarded) breakers.settle(vendor, "answered", Date.now());
    return exchanged;
  } catch (thrown) {
    const error = asGatewayError(thrown);
    made.error = error.code;
    if (guarded) breakers.settle(vendor, outcomeOf(error), Date.now());
    throw error;
  } finally {
    made.ms = Date.now() - from;
  }
}

/** What a failed call tells of the vendor's load. */
function outcomeOf({ code, vendorStatus, retryAfter }: GatewayError): Outcome {
  if (code === "rate_limited" || vendorStatus === 503) return { busy: code, retryAfterSeconds: retryAfter };
  // Without a status, only these come from an answer that was understood.
  return vendorStatus !== undefined || code === "content_rejected" || code === "no_image" ? "answered" : "silent";
}
