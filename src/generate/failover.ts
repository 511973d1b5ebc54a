import type { GatewayError } from "../errors.ts";
import type { Failover } from "../policy/failover.ts";
import type { Target } from "../vendors/send.ts";

/** How long a vendor may take to show that it is there. */
const PROBE_MS = 3_000;

/** Whether the next vendor may be asked after this error of a call to `target`. */
export async function mayMoveOn(error: GatewayError, target: Target, failover: Failover): Promise<boolean> {
  if (failover === "off") return false;
  if (error.elsewhere) return true;
  if (error.code !== "vendor_error" && error.code !== "vendor_timeout") return false;
  if (failover === "always") return true;
  // The runtime tells a connection that was refused no better than one that broke off once the request was sent.
  return error.unreached && !(await answers(target));
}

/** Whether the vendor's host answers anything at all; no key is sent, and nothing is asked for. */
async function answers({ baseUrl }: Target): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    const response = await fetch(new URL(baseUrl).origin, { method: "HEAD", redirect: "manual", signal });
    void response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
