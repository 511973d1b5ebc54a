import { GatewayError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type OpenPicture, splice } from "../stream/splice.ts";
import type { Deadline } from "./deadline.ts";
import type { VendorRequest, Provider } from "./vendor.ts";

/** A provider with this deployment's base URL and credential. */
export interface Endpoint {
  provider: Provider;
  /** Without a trailing slash. */
  baseUrl: string;
  credential: string | undefined;
  /** True if the Authorization header has the key alone, without `Bearer`. */
  bareKey: boolean;
}

/** Send a provider's request with its credential. Redirects are not followed: they could carry the key elsewhere. */
export async function sendVendorRequest(
  endpoint: Endpoint,
  vendorRequest: VendorRequest,
  open: OpenPicture,
  deadline: Deadline,
  limits: Limits,
): Promise<Response> {
  const { provider, baseUrl, credential, bareKey } = endpoint;
  const headers = new Headers({
    "content-type": "application/json",
    accept: "application/json",
    "accept-encoding": "identity",
    "user-agent": "easel",
  });
  if (credential !== undefined) headers.set("authorization", bareKey ? credential : `Bearer ${credential}`);
  const request = new Request(baseUrl + vendorRequest.path, {
    method: "POST",
    headers,
    body: splice(vendorRequest.body, open),
    redirect: "manual",
    signal: deadline.signal,
  });
  const endHeadersPhase = deadline.phase("answer", limits.headersMs);
  const response = await sendOrFail(provider, request, deadline).finally(endHeadersPhase);
  if (response.status >= 300 && response.status < 400) {
    void response.body?.cancel();
    throw new GatewayError(
      "vendor_error",
      `${provider.name} answered with a redirect (${response.status}), which is not followed.`,
      { vendorStatus: response.status },
    );
  }
  return response;
}

/** A refused connection fails faster than this. */
const LOST_EARLY_MS = 2_000;
/** Time limit of a reachability probe. */
const PROBE_MS = 3_000;

/** Check whether the vendor's host responds at all, with a HEAD request that carries no key. */
export async function isReachable({ baseUrl }: Endpoint): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(PROBE_MS);
    const response = await fetch(new URL(baseUrl).origin, { method: "HEAD", redirect: "manual", signal });
    void response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

async function sendOrFail(provider: Provider, request: Request, deadline: Deadline): Promise<Response> {
  const startedAt = Date.now();
  try {
    return await (provider.localFetch?.(request) ?? fetch(request));
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    throw new GatewayError("vendor_error", `${provider.name} could not be reached, or hung up before it answered.`, {
      cause: error,
      // No vendor generates a picture this fast: a connection lost this early is worth a probe.
      connectionLost: Date.now() - startedAt < LOST_EARLY_MS,
    });
  }
}

/** Read a Retry-After header, in seconds or as a date, as 1 to 300 seconds; undefined if it is missing or not valid. */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  const seconds = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(300, Math.max(1, Math.ceil(seconds)));
}
