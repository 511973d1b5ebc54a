import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare, NoOpLog } from "miniflare";
import type { LegacyWorkerOptions } from "miniflare";
import { FAULTY } from "./faulty.ts";
import type { ClockChange, Fault } from "./faulty.ts";
import { logLine } from "./logs.ts";
import type { LogLine } from "./logs.ts";

export interface EaselOptions {
  /** Vars and secrets, over those of wrangler.toml. */
  vars?: Record<string, string>;
  /** Folder that outlives this runtime, for restarts; otherwise nothing is kept. */
  persist?: string;
  /** Lets `fault()` make KV, R2 and the queue fail. */
  faulty?: boolean;
  /** Changes how the queues are consumed: all of them, as wrangler.toml has them unless told. */
  queue?: { maxBatchSize?: number; maxBatchTimeout?: number; maxRetries?: number };
}

/** The Worker, running in workerd. */
export interface Easel {
  /** `http://127.0.0.1:PORT`, without a slash at its end: the Worker itself, with nothing in between. */
  url: string;
  /** The same behind Miniflare's stand-in for the edge: `request.cf`, and text compressed as the client accepts it. */
  edgeUrl: string;
  /** Fetch from Node; a path or a whole URL. */
  fetch: (path: string, init?: RequestInit) => Promise<Response>;
  bucket: Awaited<ReturnType<Miniflare["getR2Bucket"]>>;
  kv: Awaited<ReturnType<Miniflare["getKVNamespace"]>>;
  /** All that the Worker and workerd said, in order. */
  logs: LogLine[];
  mf: Miniflare;
  /** Runs the cron handler, as if at `time`. */
  scheduled(time?: Date, cron?: string): Promise<void>;
  /** Makes the next calls of a binding's method fail (`BUCKET.put`, `KV.get`, `BUCKET.uploadPart`); needs `faulty`. */
  fault(method: string, fault: Fault): Promise<void>;
  /** Changes the clock of the Worker; needs `faulty`. */
  clock(change: ClockChange): Promise<void>;
  stop(): Promise<void>;
}

function consumers({ queueConsumers = {} }: LegacyWorkerOptions, { queue }: EaselOptions) {
  const all = Array.isArray(queueConsumers) ? [] : Object.entries(queueConsumers);
  return Object.fromEntries(all.map(([name, consumer]) => [name, { ...consumer, ...queue }]));
}

/** Runs the Worker in the folder `bundle` (see bundle.ts) on free loopback ports. */
export async function startRuntime(bundle: string, options: EaselOptions = {}): Promise<Easel> {
  const read = (name: string): Promise<string> => readFile(join(bundle, name), "utf8");
  const config = JSON.parse(await read("options.json")) as LegacyWorkerOptions;
  const type = "ESModule" as const;
  const main = { type, path: join(bundle, "index.js"), contents: await read("index.js") };
  const wrapper = { type, path: join(bundle, "faulty.js"), contents: FAULTY };
  const logs: LogLine[] = [];
  const mf = new Miniflare(
    convertV4MiniflareOptions({
      ...config,
      modulesRoot: bundle,
      modules: options.faulty ? [wrapper, main] : [main],
      bindings: { ...config.bindings, ...options.vars },
      queueConsumers: consumers(config, options),
      ...(options.persist !== undefined && { resourcePersistencePath: options.persist }),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
      host: "127.0.0.1",
      port: 0,
      // Otherwise it asks the network where it is.
      cf: false,
      telemetry: { enabled: false },
      log: new NoOpLog(),
      logRequests: false,
      // Without it workerd says nothing of a promise that fails under waitUntil.
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
