import { Hono } from "hono/tiny";
import { picturePreflight, corsFor } from "./routes/cors.ts";
import { createKey, deleteKey, serveKeys } from "./routes/keys.ts";
import { serveEmbed } from "./routes/embed.ts";
import { servePicture, serveReference } from "./routes/pictures.ts";
import type { AppContext, HonoEnv } from "./routes/context.ts";
import { errorResponse, notFound } from "./routes/error-response.ts";
import { serveDialect } from "./routes/dialects.ts";
import { serveRecord, serveRecords } from "./routes/generations.ts";
import { drainBody } from "./routes/request-body.ts";
import { serveModel, serveModels } from "./routes/models.ts";
import { removePreset, replacePreset, servePreset, servePresets } from "./routes/presets.ts";
import { runSchedule, removeSchedule, replaceSchedule, serveSchedule, serveSchedules } from "./routes/schedules.ts";
import { serveSigned } from "./routes/signed-urls.ts";
import { serveHistory, serveLatest, serveTick } from "./routes/schedule-pictures.ts";
import { vendors } from "./vendors/index.ts";

/** The HTTP API: every dialect at its paths, and Easel's own resources. */
export const app = new Hono<HonoEnv>();

app.use(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  c.header("x-request-id", c.get("requestId"));
  await next();
});
app.use(drainBody);

const dialects = vendors.flatMap(({ dialect }) => dialect ?? []);
for (const dialect of dialects) {
  const { name, paths, prefixedOnly, aliases = [] } = dialect;
  const handler = serveDialect(dialect);
  for (const path of paths) {
    if (!prefixedOnly) postForPages(path, handler);
    postForPages(`/${name}${path}`, handler);
  }
  for (const path of aliases) postForPages(path, handler);
}
for (const name of new Set(dialects.map((dialect) => dialect.name))) {
  // An SDK whose base URL ends in /<name>/v1 lists the models here.
  getForPages(`/${name}/v1/models`, serveModels);
  getForPages(`/${name}/v1/models/:id{.+}`, serveModel);
}

getForPages("/v1/models", serveModels);
getForPages("/v1/models/:id{.+}", serveModel);
app.get("/v1/generations", serveRecords);
getForPages("/v1/generations/:id", serveRecord);
app.post("/v1/keys", createKey);
app.get("/v1/keys", serveKeys);
app.delete("/v1/keys/:id", deleteKey);
app.get("/v1/presets", servePresets);
app.get("/v1/presets/:name", servePreset);
app.put("/v1/presets/:name", replacePreset);
app.delete("/v1/presets/:name", removePreset);
app.get("/v1/schedules", serveSchedules);
app.get("/v1/schedules/:name", serveSchedule);
app.put("/v1/schedules/:name", replaceSchedule);
app.delete("/v1/schedules/:name", removeSchedule);
app.post("/v1/schedules/:name/run", runSchedule);
app.get("/s/:file{.+\\.json}", serveHistory);
app.get("/s/:name", serveLatest);
app.get("/s/:name/:tick", serveTick);
for (const path of ["/s/:name", "/s/:name/:tick"]) app.options(path, picturePreflight);
app.get("/i/:preset", serveSigned);
app.options("/i/:preset", picturePreflight);
app.get("/images/:id/:n", servePicture);
app.options("/images/:id/:n", picturePreflight);
app.get("/references/:folder/:n", serveReference);
app.get("/embed.js", serveEmbed);
app.get("/healthz", (c) => c.json({ ok: true }));

app.notFound((c: AppContext) => {
  const { method, path } = c.req;
  const methods = methodsAt(path);
  if (methods.length === 0) return notFound(c, `There is nothing at ${method} ${path.slice(0, 200)}.`);
  c.header("allow", methods.join(", "));
  if (method === "OPTIONS") return c.body(null, 204);
  const message = `${method} is not served here; ${methods.join(", ")} are.`;
  return c.json({ error: { code: "method_not_allowed", message } }, 405);
});

app.onError((thrown, c: AppContext) => errorResponse(c, thrown));

/** Serve POST, to pages too. */
function postForPages(path: string, handler: (c: AppContext) => Promise<Response>): void {
  app.use(path, corsFor("POST"));
  app.post(path, handler);
}

/** Serve GET, to pages too. */
function getForPages(path: string, handler: (c: AppContext) => Promise<Response>): void {
  app.use(path, corsFor("GET"));
  app.get(path, handler);
}

/** The routes' patterns and methods, compiled at the first 404 of an isolate. */
let patterns: { pattern: RegExp; methods: string[] }[] | undefined;

function routePatterns() {
  return app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ path, method }) => ({
      pattern: new RegExp(`^${path.replace(/:\w+(?:\{.+\})?/g, ".+")}/?$`),
      methods: method === "GET" ? ["GET", "HEAD"] : [method],
    }));
}

/** The methods that are served at a path; none if it is unknown. */
function methodsAt(path: string): string[] {
  // No pattern matches a line break, and each would search for long.
  if (/[\n\r\u2028\u2029]/.test(path)) return [];
  patterns ??= routePatterns();
  const methods = patterns.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
  return methods.length === 0 ? [] : [...new Set([...methods, "OPTIONS"])];
}
