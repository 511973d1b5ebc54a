import { type GatewayError, refine } from "../errors.ts";
import type { Failover } from "../policy/failover.ts";
import { isThere, type Target } from "../vendors/send.ts";

/**
 * The error of a call to `target`, as one of a vendor that never saw the request where that is so. The runtime tells a
 * connection that was refused no better than one that broke off once the request was sent.
 */
export async function withCause(error: GatewayError, target: Target): Promise<GatewayError> {
  // A vendor inside this process has no host.
  const isKnown = !error.unreached || error.elsewhere || target.provider.answer !== undefined;
  if (isKnown || (await isThere(target))) return error;
  return refine(error, { elsewhere: true });
}

/** Whether the next vendor may be asked after this error. */
export function mayMoveOn({ code, elsewhere }: GatewayError, failover: Failover): boolean {
  if (failover === "off") return false;
  return elsewhere || (failover === "always" && (code === "vendor_error" || code === "vendor_timeout"));
}
