import type { GatewayError } from "../errors.ts";
import type { Failover } from "../policy/failover.ts";
import { isThere, type Target } from "../vendors/send.ts";

/** Whether the next vendor may be asked after this error of a call to `target`. */
export async function mayMoveOn(error: GatewayError, target: Target, failover: Failover): Promise<boolean> {
  if (failover === "off") return false;
  if (error.elsewhere) return true;
  if (error.code !== "vendor_error" && error.code !== "vendor_timeout") return false;
  if (failover === "always") return true;
  // The runtime tells a connection that was refused no better than one that broke off once the request was sent.
  return error.unreached && !(await isThere(target));
}
