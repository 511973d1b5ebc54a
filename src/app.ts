import { Hono } from "hono/tiny";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { asGatewayError, STATUS } from "./errors.ts";
import { log } from "./log.ts";
import type { AppContext, HonoEnv } from "./routes/context.ts";
import { serve } from "./routes/generate.ts";
import { serveGeneration, serveGenerations } from "./routes/generations.ts";
import { servePicture } from "./routes/pictures.ts";
import { vendors } from "./vendors/index.ts";

/** The gateway's HTTP side: every dialect at its paths, and what is ours. */
export const app = new Hono<HonoEnv>();

app.use(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  c.header("x-request-id", c.get("requestId"));
  await next();
});

for (const { dialect } of vendors) {
  if (dialect === undefined) continue;
  const handler = serve(dialect);
  for (const path of dialect.paths) app.post(path, handler);
  for (const path of [...dialect.paths, ...(dialect.nestedPaths ?? [])]) app.post(`/${dialect.name}${path}`, handler);
}

app.get("/v1/generations", serveGenerations);
app.get("/v1/generations/:id", serveGeneration);
app.on(["GET", "HEAD"], "/images/:id/:n", servePicture);
app.get("/healthz", (c) => c.json({ ok: true }));

app.notFound((c) => {
  const other = app.routes.some(({ path, method }) => path === c.req.path && method !== "ALL");
  const message = other ? `${c.req.method} is not served here; try POST.` : `There is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}.`;
  return c.json({ error: { code: "not_found", message } }, other ? 405 : 404);
});

app.onError((thrown, c: AppContext) => {
  const { code, message, field, cause } = asGatewayError(thrown);
  if (code === "internal") log("error", { requestId: c.get("requestId"), path: c.req.path, cause: String(cause) });
  return c.body(JSON.stringify({ error: { code, message, field } }), { status: STATUS[code] as ContentfulStatusCode, headers: { "content-type": "application/json" } });
});
