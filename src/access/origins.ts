/**
 * The origins of the pages that a publishable key is for: `https://example.com` as browsers send it, letter for letter, or
 * `https://*.example.com` for every name below it at any depth, though not `example.com` itself.
 */

const WILDCARD = "://*.";

/** Whether a text is the origin of a web page as a browser writes it: not `null`, no default port, lower case, punycode. */
export function isOrigin(text: string): boolean {
  return originOf(text) === text && !text.includes("*");
}

/** What is wrong with an origin that somebody lists, in words that follow its name; undefined where nothing is. */
export function validateOrigin(pattern: string): string | undefined {
  const example = pattern.replace(WILDCARD, "://any.");
  if (example.includes("*")) return "may have * only as its first label, as in https://*.example.com";
  const canonical = originOf(example);
  if (canonical === undefined)
    return "must be an origin, as in https://example.com, http://localhost:3000 or https://*.example.com";
  const suggestion = example === pattern ? canonical : canonical.replace("://any.", WILDCARD);
  if (canonical !== example) return `must be written as browsers send it: ${suggestion}`;
  // Every page under .com, say; what else anybody can register names under, nobody can tell without a list.
  if (example !== pattern && !/^https?:\/\/any\.(?:.+\.[^.:]|localhost(?::|$))/.test(example))
    return "leaves too much open: at least two labels must follow the *, as in https://*.example.com";
  return undefined;
}

/** Whether a page of `origin`, the Origin header as it came, is one of those listed. */
export function allowsOrigin(listed: readonly string[], origin: string | undefined): origin is string {
  return origin !== undefined && isOrigin(origin) && listed.some((pattern) => matchesPattern(pattern, origin));
}

function matchesPattern(pattern: string, origin: string): boolean {
  if (!pattern.includes(WILDCARD)) return pattern === origin;
  const [scheme = "", domain = ""] = pattern.split(WILDCARD);
  const prefix = `${scheme}://`;
  const suffix = `.${domain}`;
  // Something must be between the two: the apex is another site's to list.
  return origin.startsWith(prefix) && origin.endsWith(suffix) && origin.length > prefix.length + suffix.length;
}

/** The origin of a URL that has nothing else but a slash, a path or user information; undefined where there is none. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? origin : undefined;
}
