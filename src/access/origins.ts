/**
 * The origins of the pages that a publishable key is for: `https://example.com` as browsers send it, letter for letter, or
 * `https://*.example.com` for every name below it at any depth, though not `example.com` itself.
 */

const WILDCARD = "://*.";

/** Whether a text is the origin of a web page as a browser writes it: not `null`, no default port, lower case, punycode. */
export function isOrigin(text: string): boolean {
  return canonical(text) === text && !text.includes("*");
}

/** What is wrong with an origin that somebody lists, in words that follow its name; undefined where nothing is. */
export function validateOrigin(listed: string): string | undefined {
  const one = listed.replace(WILDCARD, "://any.");
  if (one.includes("*")) return "may have * only as its first label, as in https://*.example.com";
  const meant = canonical(one);
  if (meant === undefined)
    return "must be an origin, as in https://example.com, http://localhost:3000 or https://*.example.com";
  const written = one === listed ? meant : meant.replace("://any.", WILDCARD);
  if (meant !== one) return `must be written as browsers send it: ${written}`;
  // Every page under .com, say; what else anybody can register names under, nobody can tell without a list.
  if (one !== listed && !/^https?:\/\/any\.(?:.+\.[^.:]|localhost(?::|$))/.test(one))
    return "leaves too much open: at least two labels must follow the *, as in https://*.example.com";
  return undefined;
}

/** Whether a page of `origin`, the Origin header as it came, is one of those listed. */
export function allowsOrigin(listed: readonly string[], origin: string | undefined): origin is string {
  return origin !== undefined && isOrigin(origin) && listed.some((each) => matches(each, origin));
}

function matches(listed: string, origin: string): boolean {
  if (!listed.includes(WILDCARD)) return listed === origin;
  const [scheme = "", name = ""] = listed.split(WILDCARD);
  const start = `${scheme}://`;
  const end = `.${name}`;
  // Something must be between the two: the apex is another site's to list.
  return origin.startsWith(start) && origin.endsWith(end) && origin.length > start.length + end.length;
}

/** The origin of a URL that has nothing else but a slash, a path or user information; undefined where there is none. */
function canonical(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? origin : undefined;
}
