// `npm start`: run the Worker in workerd with local KV, R2 and queue, and print the curl of a first picture.
import { watchFile } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { adminToken } from "./admin-token.ts";
import { everyMinute, withTimeout } from "./every-minute.ts";
import { fail } from "./fail.ts";
import { silenceWrangler } from "./quiet.ts";

const HELP = `npm start                  serve on http://localhost:8787
npm start -- --port 9000   serve on another port`;

process.chdir(join(import.meta.dirname, ".."));
silenceWrangler();

const port = portFrom(process.argv.slice(2));
// After quiet(), because wrangler reads its environment as it loads; after the flags, so that a wrong flag is reported at once.
const { unstable_getVarsForDev: varsForDev, unstable_startWorker: startWorker } = await import("wrangler");
const localVars = () => varsForDev("wrangler.toml", undefined, {}, undefined, true);
const admin = adminToken(localVars);

/** wrangler.toml sets SANDBOX to "off" for deployment. A value in .dev.vars wins. */
function bindings(): Record<string, { type: "plain_text"; value: string }> {
  return "SANDBOX" in localVars() ? {} : { SANDBOX: { type: "plain_text", value: "fallback" } };
}

const worker = await startWorker({
  config: "wrangler.toml",
  bindings: bindings(),
  dev: {
    server: { hostname: "localhost", port },
    // With a route in wrangler.toml, requests would have the route's host, and URLs in answers would point there.
    inferOriginFromRoutes: false,
    inspector: false,
    watch: true,
    logLevel: "warn",
    persist: ".wrangler/state",
    // The Worker's logs, unchanged.
    structuredLogsHandler: ({ message }: { message: string }) => console.log(message),
  },
}).catch((error: unknown) => fail(messageOf(error)));

let ready = false;
let stopping = false;
let stopTicks: (() => void) | undefined;

worker.raw.on("error", (event: unknown) => {
  const message = messageOf(event);
  if (message.startsWith("Address already in use")) {
    fail(`Port ${port} is in use. Stop what listens there, or take another: npm start -- --port ${port + 1}`);
  }
  if (!ready) fail(message);
  if (!stopping) console.error(message);
});

// Wrangler has printed the reason. During later edits, requests wait until the code builds again.
worker.raw.on("buildFailed", () => {
  if (!ready) process.exit(1);
});
// `worker.ready` resolves when the port is open, not when the code is loaded.
const loaded = new Promise<void>((resolve) => worker.raw.once("reloadComplete", () => resolve()));

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop());
// A signal to npm alone ends the shell between npm and this process without notice.
const parent = process.ppid;
setInterval(() => process.ppid === parent || void stop(), 500).unref();

// Wrangler watches the code and wrangler.toml only; a key added to .dev.vars should need no restart.
for (const file of [".dev.vars", ".env"]) {
  watchFile(file, { interval: 500, persistent: false }, (now, before) => {
    // Node also calls this once for a missing file, and a reload would disturb the first request.
    if (now.mtimeMs !== before.mtimeMs) void worker.patchConfig({ bindings: bindings() });
  });
}

await Promise.all([worker.ready, loaded]);
ready = true;
const origin = (await worker.url).origin;
// The cron trigger of a deployed Worker; `worker.scheduled` looks for the Worker in the wrong place.
const send = withTimeout(async (minute, signal) => {
  const query = new URLSearchParams({ cron: "* * * * *", time: String(minute.getTime()) });
  const answer = await worker.fetch(`${origin}/cdn-cgi/local/scheduled?${query.toString()}`, { signal });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
});
stopTicks = everyMinute((minute) => void tick(minute));
console.log(`\nEasel is ready on ${origin} (Ctrl-C stops it).\n\n${admin.advice(origin)}\n`);

async function tick(minute: Date): Promise<void> {
  try {
    await send(minute);
  } catch (error) {
    if (!stopping) console.error(`The tick of ${minute.toISOString()} failed: ${messageOf(error)}`);
  }
}

/** End workerd first: it shares the process group and must not survive this process. A second signal does not wait. */
async function stop(): Promise<void> {
  if (stopping) process.exit(0);
  stopping = true;
  stopTicks?.();
  setTimeout(() => process.exit(0), 3000).unref();
  await worker.raw.teardown();
  process.exit(0);
}

function portFrom(args: string[]): number {
  try {
    const { values } = parseArgs({
      args,
      options: { port: { type: "string", short: "p" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const number = Number(values.port ?? 8787);
    if (!Number.isInteger(number) || number < 1 || number > 65535) {
      return fail(`--port takes a number from 1 to 65535, not "${values.port}".`);
    }
    return number;
  } catch (error) {
    return fail(`${messageOf(error)}\n\n${HELP}`);
  }
}

/** The innermost error: wrangler wraps errors in errors, and those in events. */
function messageOf(thrown: unknown): string {
  const { cause, message, reason } = thrown as { cause?: unknown; message?: string; reason?: string };
  return cause === undefined ? (message ?? reason ?? String(thrown)) : messageOf(cause);
}
