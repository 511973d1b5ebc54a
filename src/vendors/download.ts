import { GatewayError } from "../errors.ts";
import { mayFetch } from "./allowed-hosts.ts";
import type { Limits } from "../limits.ts";
import type { Deadline } from "./deadline.ts";
import type { Endpoint } from "./send.ts";

/** The reason why a URL could not be fetched. The caller adds which picture it was and whose error that is. */
export class DownloadError extends Error {
  /** The HTTP status of the host's response. */
  readonly status: number | undefined;

  constructor(message: string, detail: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: detail.cause });
    this.name = "Unfetched";
    this.status = detail.status;
  }
}

export interface FetchOptions {
  /** Aborts the fetch; its reason is thrown. */
  signal: AbortSignal;
  limits: Limits;
  /** Hosts that may be fetched from although they are not public. `ownOrigin` is such an origin. */
  trusted: ReadonlySet<string>;
  ownOrigin?: string | undefined;
  /** Serves the request instead of the network. */
  localFetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** Fetch the body of an untrusted URL, redirect by redirect and without any credential. Throws DownloadError. */
export async function fetchPublicUrl(address: string, options: FetchOptions): Promise<ReadableStream<Uint8Array>> {
  const { limits, trusted, ownOrigin } = options;
  let url = URL.parse(address);
  for (let hop = 0; hop <= limits.redirects; hop++) {
    if (url === null) throw new DownloadError("it leads to no URL");
    if (!mayFetch(url, trusted, ownOrigin)) {
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

/** Fetch a picture whose URL came in a vendor's response, within the caller's deadline. Throws vendor_error. */
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

async function fetchHop(url: URL, { signal, localFetch = fetch }: FetchOptions): Promise<Response> {
  // Never from the platform's cache: the picture behind a URL may have changed.
  const headers = { accept: "image/*", "accept-encoding": "identity", "user-agent": "easel" };
  try {
    return await localFetch(new Request(url, { headers, redirect: "manual", signal, cache: "no-store" }));
  } catch (cause) {
    signal.throwIfAborted();
    throw new DownloadError("its host could not be reached, or hung up", { cause });
  }
}
