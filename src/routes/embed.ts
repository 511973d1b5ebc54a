import source from "../web/embed.js" with { type: "text" };
import type { AppContext } from "./context.ts";
import { etagOf, matches } from "./conditional.ts";

/** Comments that have their lines for themselves. */
const COMMENTS = /^\s*(?:\/\/.*|\/\*(?:[^*]|\*(?!\/))*\*\/)$/gm;
const INDENTATION = /^\s+/gm;

/** What is sent to browsers: the same code, less what only its readers need. */
let cached: { script: string; etag: string } | undefined;

/** Made for the first who asks: whatever is done as the Worker loads, every cold start waits for. */
function buildScript(): NonNullable<typeof cached> {
  const script = `// <easel-image>, by the gateway it came from\n${source.replace(COMMENTS, "").replace(INDENTATION, "")}`;
  return { script, etag: etagOf(script) };
}

/** `GET /embed.js`: defines `<easel-image>` in any page that loads it. */
export function serveEmbed(c: AppContext): Response {
  const { script, etag } = (cached ??= buildScript());
  c.header("access-control-allow-origin", "*");
  c.header("cross-origin-resource-policy", "cross-origin");
  c.header("x-content-type-options", "nosniff");
  // A page has the new one within an hour of a deployment, and never waits for it.
  c.header("cache-control", "public, max-age=3600, stale-while-revalidate=86400");
  c.header("etag", etag);
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304);
  c.header("content-type", "text/javascript; charset=utf-8");
  return c.body(script);
}
