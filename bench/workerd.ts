import { type ChildProcess, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** A workerd with a single Worker. */
export interface Workerd {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

export interface WorkerdOptions {
  /** Folder with the bundle; the configurations are written there too. */
  folder: string;
  /** The bundle's file name; default `worker.js`. */
  script?: string;
  vars: Record<string, string>;
  /** Port of bucket.ts. */
  bucket: number;
}

// The newest workerd installed is Miniflare's own; older ones are up to twice as slow.
const require = createRequire(createRequire(import.meta.url).resolve("miniflare"));
const { default: BINARY, version } = require("workerd") as { default: string; version: string };
export const WORKERD = version;

let configCount = 0;

export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const file = join(options.folder, `config-${configCount++}.capnp`);
  await writeFile(file, await capnpConfig(options));
  const child = spawn(BINARY, ["serve", file, "--control-fd=3"], { stdio: ["ignore", "ignore", "pipe", "pipe"] });
  let stderrTail = "";
  child.stderr?.on("data", (chunk: Buffer) => (stderrTail = (stderrTail + chunk.toString()).slice(-2_000)));
  // No process survives this one.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const port = await Promise.race([listenPort(child), ended.then(() => 0)]);
  if (port === 0) throw new Error(`workerd did not start: ${stderrTail}`);
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      process.removeListener("exit", kill);
      kill();
      await ended;
    },
  };
}

/** Read the port from workerd's control pipe: one JSON object per line. */
function listenPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    let text = "";
    (child.stdio[3] as Readable).on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const port = /"event":"listen","socket":"http","port":(\d+)/.exec(text)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  });
}

async function capnpConfig({ script = "worker.js", vars, bucket }: WorkerdOptions): Promise<string> {
  const toml = await readFile(join(import.meta.dirname, "../wrangler.toml"), "utf8");
  const date = /^compatibility_date = (".*")$/m.exec(toml)?.[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(toml)?.[1];
  if (date === undefined || flags === undefined) throw new Error("wrangler.toml names no compatibility date and flags");
  const texts = Object.entries(vars).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    (name = "storage", external = (address = "127.0.0.1:${bucket}", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "${script}", esModule = embed "${script}")],
  compatibilityDate = ${date},
  compatibilityFlags = ${flags},
  bindings = [
    (name = "BUCKET", r2Bucket = "storage"),
    (name = "KV", kvNamespace = "storage"),
    (name = "QUEUE", queue = "storage"),
    ${texts.join(",\n    ")},
  ],
);
`;
}
