import { GatewayError } from "../errors.ts";
import { mayFetch } from "./allowed-hosts.ts";
import type { Limits } from "../limits.ts";
import type { Deadline } from "./deadline.ts";
import type { Endpoint } from "./send.ts";

/** Why a URL leads to no picture; what the picture is called and whose fault it is, the caller knows. */
export class DownloadError extends Error {
  /** What its host answered. */
  readonly status: number | undefined;

  constructor(message: string, detail: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: detail.cause });
    this.name = "Unfetched";
    this.status = detail.status;
  }
}

export interface FetchOptions {
  /** Ends it; its reason is thrown. */
  signal: AbortSignal;
  limits: Limits;
  /** Hosts, and an origin, that may be fetched from although they are not public. */
  trusted: ReadonlySet<string>;
  ownOrigin?: string | undefined;
  /** In place of the network. */
  localFetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** The body behind a URL of somebody else's, fetched hop by hop and without any credential. Throws Unfetched. */
export async function fetchPublicUrl(address: string, options: FetchOptions): Promise<ReadableStream<Uint8Array>> {
  const { limits, trusted, ownOrigin: own } = options;
  let url = URL.parse(address);
  for (let hop = 0; hop <= limits.redirects; hop++) {
    if (url === null) throw new DownloadError("it leads to no URL");
    if (!mayFetch(url, trusted, own)) {
      throw new DownloadError(`it leads to ${url.protocol}//${url.host}, and only public https hosts are fetched from`);
    }
    const { status, headers, body } = await fetchHop(url, options);
    if (status === 200 && body !== null) return body;
    void body?.cancel();
    const location = headers.get("location");
    if (status < 300 || status >= 400 || location === null) {
      throw new DownloadError(`its host answered with status ${status}`, { status });
    }
    url = URL.parse(location, url.href);
  }
  throw new DownloadError(`it is behind more than ${limits.redirects} redirects`);
}

/** The same for a picture that a vendor's answer points at; how long it takes is the caller's to bound. */
export async function download(
  { provider, baseUrl }: Endpoint,
  address: string,
  { signal }: Deadline,
  limits: Limits,
  trusted: ReadonlySet<string>,
): Promise<ReadableStream<Uint8Array>> {
  try {
    return await fetchPublicUrl(address, {
      signal,
      limits,
      trusted,
      ownOrigin: new URL(baseUrl).origin,
      localFetch: provider.localFetch,
    });
  } catch (error) {
    if (!(error instanceof DownloadError)) throw error;
    const message = `The picture that ${provider.name} points at could not be fetched: ${error.message}.`;
    throw new GatewayError("vendor_error", message, { vendorStatus: error.status, cause: error.cause });
  }
}

async function fetchHop(url: URL, { signal, localFetch: answer = fetch }: FetchOptions): Promise<Response> {
  const headers = { accept: "image/*", "accept-encoding": "identity", "user-agent": "easel" };
  try {
    return await answer(new Request(url, { headers, redirect: "manual", signal }));
  } catch (cause) {
    signal.throwIfAborted();
    throw new DownloadError("its host could not be reached, or hung up", { cause });
  }
}
