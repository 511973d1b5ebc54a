import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, NoOpLog } from "miniflare";
import type { LegacyWorkerOptions } from "miniflare";
import { logLine } from "./logs.ts";
import type { LogLine } from "./logs.ts";
import type { ClockChange, Fault } from "./worker/faulty.ts";

export interface EaselOptions {
  /** Vars and secrets; they override those of wrangler.toml. */
  vars?: Record<string, string>;
  /** A folder for the storage, to restart with; without it the storage is lost at `stop()`. */
  persist?: string;
  /** Allow `fault()` to make KV, R2 and the queue fail. */
  faulty?: boolean;
  /** Options of all queue consumers; wrangler.toml has the defaults. */
  queue?: { maxBatchSize?: number; maxBatchTimeout?: number; maxRetries?: number };
}

/** The Worker that runs in workerd. */
export interface Easel {
  /** `http://127.0.0.1:PORT` without a slash at the end: the Worker itself, with nothing in between. */
  url: string;
  /** The same Worker behind Miniflare's imitation of the edge: `request.cf`, and text compressed as the client accepts it. */
  edgeUrl: string;
  /** Fetch a path, or an absolute URL, from Node. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  bucket: Awaited<ReturnType<Miniflare["getR2Bucket"]>>;
  kv: Awaited<ReturnType<Miniflare["getKVNamespace"]>>;
  /** All log lines of the Worker and of workerd, in order. */
  logs: LogLine[];
  mf: Miniflare;
  /** Run the cron handler as if it were `time`. */
  scheduled(time?: Date, cron?: string): Promise<void>;
  /** Make the next calls to a binding's method fail (`BUCKET.put`, `KV.get`, `BUCKET.uploadPart`); needs `faulty`. */
  fault(method: string, fault: Fault): Promise<void>;
  /** Change the clock of the Worker; needs `faulty`. */
  clock(change: ClockChange): Promise<void>;
  stop(): Promise<void>;
}

function consumersOf({ queueConsumers = {} }: LegacyWorkerOptions, { queue }: EaselOptions) {
  const entries = Array.isArray(queueConsumers) ? [] : Object.entries(queueConsumers);
  return Object.fromEntries(entries.map(([name, consumer]) => [name, { ...consumer, ...queue }]));
}

/** Run the Worker of the folder `bundle` (see bundle.ts) on free loopback ports. */
export async function startRuntime(bundle: string, options: EaselOptions = {}): Promise<Easel> {
  const config = JSON.parse(await readFile(join(bundle, "options.json"), "utf8")) as LegacyWorkerOptions;
  // The first module is the entry.
  const names = options.faulty ? ["faulty.js", "index.js"] : ["index.js"];
  const modules = names.map(async (name) => {
    const path = join(bundle, name);
    return { type: "ESModule" as const, path, contents: await readFile(path, "utf8") };
  });
  const logs: LogLine[] = [];
  const mf = new Miniflare(
    convertV4MiniflareOptions({
      ...config,
      modulesRoot: bundle,
      modules: await Promise.all(modules),
      bindings: { ...config.bindings, ...options.vars },
      queueConsumers: consumersOf(config, options),
      ...(options.persist !== undefined && { resourcePersistencePath: options.persist }),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      host: "127.0.0.1",
      port: 0,
      // Otherwise Miniflare fetches its location from the network.
      cf: false,
      telemetry: { enabled: false },
      log: new NoOpLog(),
      logRequests: false,
      // Without it workerd does not report a promise that is rejected under waitUntil.
      verbose: true,
      handleStructuredLogs: (line) => void logs.push(logLine(line)),
    }),
  );
  const edgeUrl = (await mf.ready).origin;
  const url = (await mf.unsafeGetDirectURL()).origin;
  const call = (path: string, init?: RequestInit): Promise<Response> => {
    const streams = init?.body instanceof ReadableStream;
    return fetch(new URL(path, url), streams ? ({ ...init, duplex: "half" } as RequestInit) : init);
  };
  const control = async (path: string, change: object): Promise<void> => {
    const set = await call(path, { method: "POST", body: JSON.stringify(change) });
    if (set.headers.get("easel-fault") !== "set") throw new Error("start with faulty: true");
  };
  return {
    url,
    edgeUrl,
    fetch: call,
    bucket: await mf.getR2Bucket("BUCKET"),
    kv: await mf.getKVNamespace("KV"),
    logs,
    mf,
    scheduled: async (time, cron) => {
      const worker = await mf.getWorker();
      await worker.scheduled({ ...(time && { scheduledTime: time }), ...(cron !== undefined && { cron }) });
    },
    fault: (method, fault) => control("/__fault", { method, ...fault }),
    clock: (change) => control("/__clock", change),
    stop: () => mf.dispose(),
  };
}
