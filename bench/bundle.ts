import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

const ROOT = join(import.meta.dirname, "..");
const QUIET = { WRANGLER_SEND_METRICS: "false", WRANGLER_HIDE_BANNER: "true", WRANGLER_WRITE_LOGS: "false" };

/** Bundle a Worker as for deployment; returns the bundle's path. */
export async function bundle(entry: string, folder: string, ...flags: string[]): Promise<string> {
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  const args = [wrangler, "deploy", entry, "--dry-run", "--outdir", folder, ...flags];
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, env: { ...process.env, ...QUIET } });
  return join(folder, basename(entry).replace(/\.ts$/, ".js"));
}

export interface Weight {
  minified: number;
  gzip: number;
  /** The gzipped size without the sandbox's landscapes and the browser script. */
  core: number;
}

const NOT_CORE = /^src\/(?:vendors\/sandbox|web)\//;

/** The size of the deployed Worker, in bytes. */
export async function weigh(folder: string): Promise<Weight> {
  const meta = join(folder, "meta.json");
  const text = await readFile(await bundle("src/index.ts", folder, "--minify", "--metafile", meta));
  const { outputs } = JSON.parse(await readFile(meta, "utf8")) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
  };
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const all = totalBytes(inputs);
  const core = totalBytes(inputs.filter(([path]) => !NOT_CORE.test(path)));
  const gzip = gzipSync(text, { level: 9 }).length;
  return { minified: text.length, gzip, core: (gzip * core) / all };
}

function totalBytes(inputs: [string, { bytesInOutput: number }][]): number {
  return inputs.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0);
}
