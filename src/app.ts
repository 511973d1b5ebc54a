import { Hono } from "hono/tiny";
import { allowPicture, servePicture } from "./routes/pictures.ts";
import type { AppContext, HonoEnv } from "./routes/context.ts";
import { failure, notFound } from "./routes/failure.ts";
import { serve } from "./routes/generate.ts";
import { serveGeneration, serveGenerations } from "./routes/generations.ts";
import { takeLeftover } from "./routes/leftover.ts";
import { serveModel, serveModels } from "./routes/models.ts";
import { serveReference } from "./routes/references.ts";
import { vendors } from "./vendors/index.ts";

/** The gateway's HTTP side: every dialect at its paths, and what is ours. */
export const app = new Hono<HonoEnv>();

app.use(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  c.header("x-request-id", c.get("requestId"));
  await next();
});
app.use(takeLeftover);

const dialects = vendors.flatMap(({ dialect }) => dialect ?? []);
for (const dialect of dialects) {
  const { name, paths, nested, alsoAt = [] } = dialect;
  const handler = serve(dialect);
  for (const path of paths) {
    if (!nested) app.post(path, handler);
    app.post(`/${name}${path}`, handler);
  }
  for (const path of alsoAt) app.post(path, handler);
}
for (const name of new Set(dialects.map((dialect) => dialect.name))) {
  // A base URL that ends in /<name>/v1 leads an SDK here as well.
  app.get(`/${name}/v1/models`, serveModels);
  app.get(`/${name}/v1/models/:id{.+}`, serveModel);
}

app.get("/v1/models", serveModels);
app.get("/v1/models/:id{.+}", serveModel);
app.get("/v1/generations", serveGenerations);
app.get("/v1/generations/:id", serveGeneration);
app.get("/images/:id/:n", servePicture);
app.options("/images/:id/:n", allowPicture);
app.get("/references/:folder/:n", serveReference);
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

app.onError((thrown, c: AppContext) => failure(c, thrown));

/** The methods that a path is served with; none where there is nothing. */
function methodsAt(path: string): string[] {
  const methods = app.routes
    .filter((route) => new RegExp(`^${route.path.replace(/:\w+(?:\{.+\})?/g, ".+")}/?$`).test(path))
    .flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : method === "ALL" ? [] : [method]));
  return methods.length === 0 ? [] : [...new Set([...methods, "OPTIONS"])];
}
