/** Names that never leave a private network. */
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|lan|home|corp|arpa|test|invalid|onion)$/;

/**
 * Whether a URL out of an answer or a request may be fetched: https to a public host name; hosts in `trusted`
 * (`host`, any port, or `host:port`) and the origin `own` also otherwise. No address literal is public: the URL parser
 * has already turned decimal, octal, hex and mapped spellings into plain ones. A name that resolves to a private address
 * is for the platform to refuse (compatibility flag global_fetch_strictly_public).
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
  // An empty label is in nobody's name, and resolvers differ in what they make of it.
  return !isAddress && name.includes(".") && !name.split(".").includes("") && !PRIVATE_NAME.test(name);
}
