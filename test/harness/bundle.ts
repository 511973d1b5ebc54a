import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder with the Worker as `wrangler deploy` would upload it. */
    bundle: string;
  }
}

const ROOT = join(import.meta.dirname, "../..");

const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
  DO_NOT_TRACK: "1",
};

const STRIP_TYPES = ["--ignoreConfig", "--noCheck", "--noResolve", "--target", "es2024", "--module", "esnext"];

async function runNode(script: string, args: readonly string[]): Promise<void> {
  const options = { cwd: ROOT, env: { ...process.env, ...QUIET } };
  await promisify(execFile)(process.execPath, [join(ROOT, "node_modules", script), ...args], options);
}

/**
 * Bundle src/index.ts into `folder` exactly as for a deployment, and write wrangler.toml's bindings, date and flags to
 * options.json there. The vars are those of wrangler.toml only: a developer's .dev.vars must not change a test.
 * worker/faulty.ts is compiled into the same folder.
 */
export async function bundleWorker(folder: string): Promise<void> {
  await Promise.all([
    runNode("wrangler/bin/wrangler.js", ["deploy", "--dry-run", "--outdir", folder]),
    // Only the types are removed: the bundle that it imports is found at run time.
    runNode("typescript/bin/tsc", [...STRIP_TYPES, "--outDir", folder, "test/harness/worker/faulty.ts"]),
  ]);
  const config = unstable_readConfig({ config: join(ROOT, "wrangler.toml") }, { hideWarnings: true });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(config);
  await writeFile(join(folder, "options.json"), JSON.stringify({ ...workerOptions, bindings: config.vars }));
}

/** Vitest's global setup: make one bundle for the run, and delete it at the end. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "easel-bundle-"));
  await bundleWorker(folder);
  project.provide("bundle", folder);
  return () => rm(folder, { recursive: true, force: true });
}
