// `npm run deploy`: create the resources that wrangler.toml binds and the account lacks, then deploy. Safe to repeat.
// `wrangler deploy` alone creates most of them, but no dead-letter queue; it writes the account's ids into wrangler.toml;
// and after a failure half-way (R2 is not enabled, for example) it fails on the KV namespace that it has created.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fail } from "./fail.ts";
import { silenceWrangler } from "./quiet.ts";

interface Config {
  name: string;
  kv_namespaces?: { binding: string; id?: string }[];
  r2_buckets?: { binding: string; bucket_name?: string }[];
  queues?: { producers?: { queue: string }[]; consumers?: { queue: string; dead_letter_queue?: string }[] };
}

process.chdir(join(import.meta.dirname, ".."));
silenceWrangler();

const WRANGLER = join("node_modules", "wrangler", "bin", "wrangler.js");
/** wrangler.toml with this account's ids: ignored by git, and deleted after the deployment. */
const RESOLVED = "wrangler.deploy.json";

const flags = process.argv.slice(2);
if (flags.includes("--dry-run") || flags.includes("--help")) process.exit(showWrangler("deploy", ...flags));

const { experimental_readRawConfig: readConfig } = await import("wrangler");
const config = readConfig({ config: "wrangler.toml" }).rawConfig as Config;

ensureLogin();
for (const queue of queueNames())
  ensureResource("Queue", queue, ["queues", "info", queue], ["queues", "create", queue]);
for (const bucket of config.r2_buckets ?? []) {
  bucket.bucket_name ??= nameFor(bucket.binding);
  const name = bucket.bucket_name;
  ensureResource(
    "R2 bucket",
    name,
    ["r2", "bucket", "info", name],
    ["r2", "bucket", "create", name, "--update-config=false"],
  );
}
for (const namespace of config.kv_namespaces ?? []) namespace.id ??= kvNamespace(nameFor(namespace.binding));

let status: number;
try {
  writeFileSync(RESOLVED, JSON.stringify(config));
  status = showWrangler("deploy", "--config", RESOLVED, ...flags);
} finally {
  rmSync(RESOLVED, { force: true });
}
if (status === 0 && !secretNames().includes("ADMIN_TOKEN")) {
  console.log("\nNobody can ask for a picture yet. Choose a token, and give the vendors' keys in the same way:\n");
  console.log("npx wrangler secret put ADMIN_TOKEN");
}
process.exit(status);

/** The names that `wrangler deploy` chooses, so that resources of earlier deployments are found. */
function nameFor(binding: string): string {
  return `${config.name}-${binding.toLowerCase().replaceAll("_", "-")}`;
}

function queueNames(): Set<string> {
  const { producers = [], consumers = [] } = config.queues ?? {};
  const named = [...producers, ...consumers].map(({ queue }) => queue);
  return new Set([...named, ...consumers.flatMap(({ dead_letter_queue: dead }) => dead ?? [])]);
}

function kvNamespace(title: string): string {
  const findId = () => {
    const listed = runWrangler("kv", "namespace", "list");
    if (listed.status !== 0) fail(listed.output);
    const namespaces = JSON.parse(listed.output) as { id: string; title: string }[];
    return namespaces.find((namespace) => namespace.title === title)?.id;
  };
  const existing = findId();
  if (existing === undefined)
    createResource("KV namespace", title, ["kv", "namespace", "create", title, "--update-config=false"]);
  return existing ?? findId() ?? fail(`The KV namespace ${title} was created but is not listed yet. Try once more.`);
}

function ensureResource(kind: string, name: string, info: string[], creation: string[]): void {
  if (runWrangler(...info).status !== 0) createResource(kind, name, creation);
}

function createResource(kind: string, name: string, creation: string[]): void {
  const { status: exitCode, output } = runWrangler(...creation);
  if (exitCode !== 0) fail(`${kind} ${name} could not be created:\n${output}`);
  console.log(`${kind} ${name} created.`);
}

function secretNames(): string[] {
  const { status: exitCode, output } = runWrangler("secret", "list", "--name", config.name);
  return exitCode === 0 ? (JSON.parse(output) as { name: string }[]).map(({ name }) => name) : [];
}

/** Check the login and the account before anything is created. */
function ensureLogin(): void {
  const isLoggedIn = runWrangler("whoami", "--json").status === 0;
  // Without a terminal the login would wait for a browser forever.
  if (!isLoggedIn && !(process.stdin.isTTY && showWrangler("login") === 0)) {
    fail("Not logged in to Cloudflare. Run npx wrangler login, or set CLOUDFLARE_API_TOKEN.");
  }
  if (process.env["CLOUDFLARE_ACCOUNT_ID"] !== undefined || "account_id" in config) return;
  const { accounts = [] } = JSON.parse(runWrangler("whoami", "--json").output) as {
    accounts?: { id: string; name: string }[];
  };
  if (accounts.length > 1) {
    const commands = accounts.map(({ id, name }) => `CLOUDFLARE_ACCOUNT_ID=${id} npm run deploy   # ${name}`);
    fail(`You have several accounts. Choose one:\n${commands.join("\n")}`);
  }
}

/** Run wrangler and return its output. */
function runWrangler(...args: string[]): { status: number; output: string } {
  const run = spawnSync(process.execPath, [WRANGLER, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  return { status: run.status ?? 1, output: run.status === 0 ? run.stdout : (run.stderr || run.stdout).trim() };
}

/** Run wrangler with its output shown to the user. */
function showWrangler(...args: string[]): number {
  return spawnSync(process.execPath, [WRANGLER, ...args], { stdio: "inherit" }).status ?? 1;
}
