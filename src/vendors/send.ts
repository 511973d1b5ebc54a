import { GatewayError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type Open, splice } from "../stream/splice.ts";
import type { Deadline } from "./deadline.ts";
import type { VendorRequest, Provider } from "./vendor.ts";

/** A provider as this deployment reaches it. */
export interface Endpoint {
  provider: Provider;
  /** Without a slash at its end. */
  baseUrl: string;
  credential: string | undefined;
  /** Whether the key goes into the header as it is, without `Bearer`. */
  bareKey: boolean;
}

/** Sends a provider's request with its credential. No redirect is followed: it would carry the key elsewhere. */
export async function send(
  endpoint: Endpoint,
  vendorRequest: VendorRequest,
  open: Open,
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

/** A connection that is refused is refused sooner. */
const LOST_EARLY_MS = 2_000;
/** How long a vendor may take to show that it is there. */
const PROBE_MS = 3_000;

/** Whether the vendor's host answers anything at all; no key is sent, and nothing is asked for. */
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
      // Nobody draws within this time: who is lost by then may be asked whether it is there at all.
      connectionLost: Date.now() - startedAt < LOST_EARLY_MS,
    });
  }
}

/** Seconds in a Retry-After header, given in seconds or as a date, kept between 1 and 300; undefined if it says nothing. */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined || value === "") return undefined;
  const seconds = /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : (Date.parse(value) - now) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(300, Math.max(1, Math.ceil(seconds)));
}
