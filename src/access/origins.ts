/**
 * The origins that a publishable key allows: `https://example.com` exactly as browsers send it, or
 * `https://*.example.com` for every subdomain at any depth, but not `example.com` itself.
 */

const WILDCARD = "://*.";

/** Check that a text is an origin as browsers serialize it: not `null`, no default port, lower case, punycode. */
export function isOrigin(text: string): boolean {
  return originOf(text) === text && !text.includes("*");
}

/**
 * Validate an origin or a wildcard pattern of a key. Returns the problem, worded to follow the field's name, or
 * undefined.
 */
export function validateOrigin(pattern: string): string | undefined {
  const example = pattern.replace(WILDCARD, "://any.");
  if (example.includes("*")) return "may have * only as its first label, as in https://*.example.com";
  const canonical = originOf(example);
  if (canonical === undefined)
    return "must be an origin, as in https://example.com, http://localhost:3000 or https://*.example.com";
  const suggestion = example === pattern ? canonical : canonical.replace("://any.", WILDCARD);
  if (canonical !== example) return `must be written as browsers send it: ${suggestion}`;
  // Rejects https://*.com. Other suffixes under which the public can register names are known only from a list.
  if (example !== pattern && !/^https?:\/\/any\.(?:.+\.[^.:]|localhost(?::|$))/.test(example))
    return "leaves too much open: at least two labels must follow the *, as in https://*.example.com";
  return undefined;
}

/** Check whether the value of an Origin header matches one of the listed origins. */
export function allowsOrigin(listed: readonly string[], origin: string | undefined): origin is string {
  return origin !== undefined && isOrigin(origin) && listed.some((pattern) => matchesPattern(pattern, origin));
}

function matchesPattern(pattern: string, origin: string): boolean {
  if (!pattern.includes(WILDCARD)) return pattern === origin;
  const [scheme = "", domain = ""] = pattern.split(WILDCARD);
  const prefix = `${scheme}://`;
  const suffix = `.${domain}`;
  // At least one label must match the wildcard: the apex domain has to be listed separately.
  return origin.startsWith(prefix) && origin.endsWith(suffix) && origin.length > prefix.length + suffix.length;
}

/** Return the origin of an http or https URL, whatever path or user information it has; undefined if there is none. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? origin : undefined;
}
