import { GatewayError } from "../errors.ts";
import type { StoredPicture } from "../image/request.ts";
import { mayFetch } from "../policy/hosts.ts";
import type { Limits } from "../policy/limits.ts";
import { splice } from "../stream/splice.ts";
import type { Deadline } from "./deadline.ts";
import type { Outgoing, Provider } from "./vendor.ts";

/** A provider as this deployment reaches it. */
export interface Target {
  provider: Provider;
  /** Without a slash at its end. */
  baseUrl: string;
  credential: string | undefined;
}

/** Sends a provider's request with its credential. No redirect is followed: it would carry the key elsewhere. */
export async function send(
  target: Target,
  outgoing: Outgoing,
  open: (picture: StoredPicture) => Promise<ReadableStream<Uint8Array>>,
  deadline: Deadline,
  limits: Limits,
): Promise<Response> {
  const { provider, baseUrl, credential } = target;
  const headers = new Headers({
    "content-type": "application/json",
    accept: "application/json",
    "accept-encoding": "identity",
    "user-agent": "easel",
  });
  if (credential !== undefined) headers.set("authorization", `Bearer ${credential}`);
  const request = new Request(baseUrl + outgoing.path, {
    method: "POST",
    headers,
    body: splice(outgoing.body, open),
    redirect: "manual",
    signal: deadline.signal,
  });
  const answered = deadline.phase("answer", limits.headersMs);
  const response = await reach(provider, request, deadline).finally(answered);
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

/** Fetches a picture that a vendor's answer points at, hop by hop and without any credential; how long it takes is the caller's to bound. */
export async function download(
  target: Target,
  address: string,
  deadline: Deadline,
  limits: Limits,
  trusted: ReadonlySet<string>,
): Promise<Response> {
  const { provider } = target;
  const own = new URL(target.baseUrl).origin;
  let url = URL.parse(address);
  for (let hop = 0; hop <= limits.redirects; hop++) {
    if (url === null || !mayFetch(url, trusted, own)) {
      throw new GatewayError(
        "vendor_error",
        `${provider.name} points at a picture on a host that is not fetched from${url === null ? "" : `: ${url.host}`}.`,
      );
    }
    const request = new Request(url, {
      headers: { accept: "image/*", "accept-encoding": "identity", "user-agent": "easel" },
      redirect: "manual",
      signal: deadline.signal,
    });
    const response = await reach(provider, request, deadline);
    if (response.status === 200 && response.body !== null) return response;
    void response.body?.cancel();
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) {
      throw new GatewayError(
        "vendor_error",
        `The picture that ${provider.name} points at could not be fetched (status ${response.status}).`,
        { vendorStatus: response.status },
      );
    }
    url = URL.parse(location, url.href);
  }
  throw new GatewayError(
    "vendor_error",
    `The picture that ${provider.name} points at is behind more than ${limits.redirects} redirects.`,
  );
}

async function reach(provider: Provider, request: Request, deadline: Deadline): Promise<Response> {
  try {
    return await (provider.answer?.(request) ?? fetch(request));
  } catch (error) {
    if (deadline.signal.aborted) throw deadline.signal.reason;
    throw new GatewayError("vendor_error", `${provider.name} could not be reached, or hung up before it answered.`, {
      cause: error,
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
