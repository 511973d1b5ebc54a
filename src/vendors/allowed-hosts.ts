/** Host names that only resolve inside a private network. */
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|lan|home|corp|arpa|test|invalid|onion)$/;

/**
 * Check whether a URL from a vendor's response or a client's request may be fetched: https to a public host name, or
 * any URL of a host in `trusted` (`host` for any port, or `host:port`) or of `ownOrigin`. An address literal is never
 * public: the URL parser has already normalized decimal, octal, hex and mapped spellings. The platform blocks names
 * that resolve to a private address (compatibility flag global_fetch_strictly_public).
 */
export function mayFetch(url: URL, trusted: ReadonlySet<string>, ownOrigin?: string): boolean {
  if (url.username !== "" || url.password !== "") return false;
  if (url.protocol !== "https:" && url.protocol !== "http:") return false;
  if (trusted.has(url.host) || trusted.has(url.hostname) || url.origin === ownOrigin) return true;
  return url.protocol === "https:" && isPublicName(url.hostname);
}

function isPublicName(hostname: string): boolean {
  const name = hostname.replace(/\.$/, "");
  const isAddress = name.startsWith("[") || /^[\d.]+$/.test(name);
  // No public name has an empty label, and resolvers disagree about such names.
  return !isAddress && name.includes(".") && !name.split(".").includes("") && !PRIVATE_NAME.test(name);
}
