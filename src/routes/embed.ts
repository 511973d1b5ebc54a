import source from "../web/embed.js" with { type: "text" };
import type { AppContext } from "./context.ts";
import { etagOf, etagMatches } from "./conditional.ts";

/** Comments on lines of their own. */
const COMMENTS = /^\s*(?:\/\/.*|\/\*(?:[^*]|\*(?!\/))*\*\/)$/gm;
const INDENTATION = /^\s+/gm;

/** The script as sent to browsers: the source without comments and indentation. */
let cached: { script: string; etag: string } | undefined;

/** Build the script on the first request: work at module load would delay every cold start. */
function buildScript(): NonNullable<typeof cached> {
  const script = `// <easel-image>, by the gateway it came from\n${source.replace(COMMENTS, "").replace(INDENTATION, "")}`;
  return { script, etag: etagOf(script) };
}

/** Serve `GET /embed.js`, which defines `<easel-image>` in any page that loads it. */
export function serveEmbed(c: AppContext): Response {
  const { script, etag } = (cached ??= buildScript());
  c.header("access-control-allow-origin", "*");
  c.header("cross-origin-resource-policy", "cross-origin");
  c.header("x-content-type-options", "nosniff");
  // Pages get a new version within an hour of a deployment, and never wait for it.
  c.header("cache-control", "public, max-age=3600, stale-while-revalidate=86400");
  c.header("etag", etag);
  if (etagMatches(c.req.header("if-none-match"), etag)) return c.body(null, 304);
  c.header("content-type", "text/javascript; charset=utf-8");
  return c.body(script);
}
