import { execFile, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN, startStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const ROOT = join(import.meta.dirname, "../..");
let stage: Stage;
/** A copy of the project in its state after a first `npm start`. */
let project: string;
beforeAll(async () => {
  const PRESETS = { card: { size: "1K" }, logo: { prompt: "a lighthouse, as a logo", vary: [] } };
  stage = await startStage({ vars: { SANDBOX: "fallback", PRESETS: JSON.stringify(PRESETS) } });
  project = mkdtempSync(join(tmpdir(), "easel-keys-"));
  for (const name of ["scripts", "package.json", "wrangler.toml"])
    cpSync(join(ROOT, name), join(project, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(project, "node_modules"));
  writeFileSync(join(project, ".dev.vars"), `ADMIN_TOKEN=${ADMIN}\n`);
});
afterAll(async () => {
  rmSync(project, { recursive: true });
  await stage.stop();
});

interface CommandResult {
  code: number;
  out: string;
  err: string;
}

/** Run `npm run keys -- …` with `env` instead of the environment's EASEL_URL and ADMIN_TOKEN. */
async function runKeys(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
  const { EASEL_URL: _, ADMIN_TOKEN: __, ...rest } = process.env;
  const options = { cwd: project, env: { ...rest, ...env } };
  const run = promisify(execFile)(process.execPath, [join(project, "scripts/keys.ts"), ...args], options);
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      out: error.stdout,
      err: error.stderr,
    }),
  );
}
const port = () => new URL(stage.easel.url).port;
const runLocal = (...args: string[]) => runKeys([...args, "--port", port()]);
const runRemote = (...args: string[]) => runKeys([...args, "--remote", stage.easel.url], { ADMIN_TOKEN: ADMIN });

describe.each([
  ["the local server", runLocal],
  ["a remote server", runRemote],
])("%s", (_, run) => {
  it("the CLI makes a key with a curl command that works, shows the key once, lists it and revokes it", async () => {
    const created = await run("create", "--name", "a server", "--expires", "30d", "--model", "nano-banana-2");
    expect([created.code, created.err]).toEqual([0, ""]);
    const [key = "", id = ""] = /^ek_([0-9a-f]{16})_[0-9a-f]{48}$/m.exec(created.out) ?? [];
    const curl = /^curl .*$/m.exec(created.out)?.[0] ?? "";
    const picture = join(project, "first.png");
    const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -sS -w '%{http_code} %{content_type}'`], {
      cwd: project,
    });
    expect(stdout).toMatch(/^200 image\//);
    rmSync(picture);

    const list = await run("list");
    const month = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10);
    expect(list.out).toContain(`${id}  secret`);
    expect(list.out).toMatch(new RegExp(`good until ${month} +a server +gemini-3.1-flash-image-preview`));
    expect(list.out).not.toContain(key);

    // The full key is accepted instead of its id, and only the id is sent.
    expect((await run("revoke", key)).out).toContain(`${id} is revoked`);
    expect((await run("list")).out).toMatch(new RegExp(`${id} +secret +revoked`));
    const headers = { authorization: `Bearer ${key}` };
    expect((await stage.easel.fetch("/v1/models", { headers })).status).toBe(401);
  });
});

it("the CLI makes a publishable key with a curl command that sends its origin", async () => {
  const page = ["--kind", "publishable", "--origin", "https://*.example.com", "--origin", "http://localhost:3000"];
  const made = await runLocal("create", ...page, "--model", "gpt-image-2", "--size", "1K", "--per-minute", "30");
  expect(made.code).toBe(0);
  const curl = /^curl .*$/m.exec(made.out)?.[0] ?? "";
  expect(curl).toContain('-H "Origin: https://www.example.com"');
  const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -sS -w '%{http_code}'`], { cwd: project });
  expect(stdout).toBe("200");
  const { out } = await runLocal("list");
  expect(out).toContain("gpt-image-2; up to 1K; 30/min; on https://*.example.com, http://localhost:3000");
});

it.each([["card"], ["logo", "card"]])(
  "the CLI makes a key for the preset %s with a curl command that the preset allows",
  async (...names) => {
    const presets = names.flatMap((name) => ["--preset", name]);
    const { code, out } = await runLocal("create", ...presets, "--size", "1K");
    expect(code).toBe(0);
    const curl = /^curl .*$/m.exec(out)?.[0] ?? "";
    expect(curl).toContain(names[0] === "logo" ? `-d '{"preset":"logo"}'` : `"prompt":`);
    const { stdout } = await promisify(execFile)("bash", ["-c", `${curl} -sS -w '%{http_code}'`], { cwd: project });
    expect(stdout).toBe("200");
  },
);

it.each([["9999d"], ["9999w"], ["2038-02-01"]])("a key can expire after 2037: --expires %s", async (expires) => {
  expect(await runLocal("create", "--expires", expires)).toMatchObject({ code: 0, err: "" });
});

describe("errors of the CLI", () => {
  const cases: [what: string, run: () => Promise<CommandResult>, message: string][] = [
    ["no command", () => runLocal(), ""],
    ["another command", () => runLocal("destroy"), "destroy is no command"],
    ["a method of Object", () => runLocal("toString"), "toString is no command"],
    ["an unknown option", () => runLocal("create", "--colour", "red"), "Unknown option '--colour'"],
    ["an extra argument", () => runLocal("create", "hello"), "hello is one word too many"],
    ["a revocation without an id", () => runLocal("revoke"), "npm run keys -- revoke ID"],
    ["an unknown id", () => runLocal("revoke", "0123456789abcdef"), "There is no such key"],
    [
      "terms that the gateway rejects",
      () => runLocal("create", "--kind", "publishable"),
      "origins is required for a publishable key",
    ],
    [
      "a rate that is not a number",
      () => runLocal("create", "--per-minute", "many"),
      "--per-minute takes a whole number",
    ],
    [
      "an expiry that is not a time",
      () => runLocal("create", "--expires", "soon"),
      "expiresAt must be a time with its zone",
    ],
    ["a day that does not exist", () => runLocal("create", "--expires", "2027-02-31"), "on a day that there is"],
    [
      "an unknown preset",
      () => runLocal("create", "--preset", "landscap"),
      "presets[0]: The preset landscap is not known",
    ],
    [
      "an invalid port",
      () => runKeys(["list", "--port", "easel"]),
      '--port takes a number from 1 to 65535, not "easel".',
    ],
    [
      "a port without a server",
      () => runKeys(["list", "--port", "1"]),
      "Nothing answers on http://localhost:1: is `npm start` running",
    ],
    ["a missing URL", () => runKeys(["list", "--remote"], { ADMIN_TOKEN: ADMIN }), "Say where: --remote https://"],
    ["a bad URL", () => runKeys(["list", "--remote"], { EASEL_URL: "easel", ADMIN_TOKEN: ADMIN }), "easel is no URL"],
    ["no token", () => runKeys(["list", "--remote", stage.easel.url]), "Set ADMIN_TOKEN in the environment"],
    [
      "a wrong token",
      () => runKeys(["list", `--remote=${stage.easel.url}`], { ADMIN_TOKEN: "x" }),
      "does not take this ADMIN_TOKEN",
    ],
    [
      "plain http",
      () => runKeys(["list", "--remote", "http://easel.example.com"], { ADMIN_TOKEN: ADMIN }),
      "is not https",
    ],
  ];
  it.each(cases)("the CLI explains the error for %s", async (_, run, message) => {
    const { code, out, err } = await run();
    expect(code).toBe(1);
    expect(message === "" ? out : err).toContain(message === "" ? "npm run keys -- create" : message);
    expect(err).not.toMatch(/\n\s+at /);
    expect(out + err).not.toContain(ADMIN);
  });
});

it("the CLI reads EASEL_URL, and does not send the token to a redirect's target", async () => {
  const env = { ADMIN_TOKEN: ADMIN };
  expect((await runKeys(["list", "--remote"], { ...env, EASEL_URL: `${stage.easel.url}/` })).code).toBe(0);
  let redirectedRequests = 0;
  const thief = createServer((_, answer) => {
    redirectedRequests++;
    answer.end("{}");
  }).listen(0, "127.0.0.1");
  const redirecting = createServer((_, answer) => {
    const { port } = thief.address() as { port: number };
    answer.writeHead(307, { location: `http://127.0.0.1:${port}/v1/keys` }).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => setTimeout(resolve, 50));
  try {
    const { port } = redirecting.address() as { port: number };
    expect((await runKeys(["list", "--remote", `http://127.0.0.1:${port}`], env)).code).toBe(1);
    expect(redirectedRequests).toBe(0);
  } finally {
    thief.close();
    redirecting.close();
  }
});

it("the CLI says where ADMIN_TOKEN comes from if .dev.vars has none", async () => {
  writeFileSync(join(project, ".dev.vars"), "");
  try {
    expect(await runLocal("list")).toMatchObject({
      code: 1,
      err: expect.stringContaining("no ADMIN_TOKEN in .dev.vars") as string,
    });
  } finally {
    writeFileSync(join(project, ".dev.vars"), `ADMIN_TOKEN=${ADMIN}\n`);
  }
});

describe("a machine on which `npm ci` did not run", () => {
  it.each(["start", "keys", "sign", "deploy"])("`npm run %s` asks for `npm ci`", (name) => {
    const folder = mkdtempSync(join(tmpdir(), "easel-bare-"));
    try {
      cpSync(join(ROOT, "scripts"), join(folder, "scripts"), { recursive: true });
      const { status, stderr } = spawnSync(process.execPath, ["scripts/run.mjs", name], {
        cwd: folder,
        encoding: "utf8",
      });
      expect([status, stderr]).toEqual([1, expect.stringMatching(/not installed[^]*\n\nnpm ci\n$/)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
