import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { sign } from "../../docs/sign.mjs";
import vectors from "../fixtures/signatures.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "../..");
const URLS = vectors.signed.map(({ url }) => url);
const secretOf = (kid: string) => (vectors.keys as Record<string, string>)[kid] ?? "";
const readText = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("signing code for build scripts", () => {
  it("docs/sign.mjs signs the fixtures' URLs", () => {
    const signed = vectors.signed.map(({ preset, fields, kid }) =>
      sign(preset, fields as Record<string, string | number>, kid, secretOf(kid)),
    );
    expect(signed).toEqual(URLS);
  });

  it("docs/sign.py signs the fixtures' URLs", () => {
    const program = `import json, sys
sys.path.insert(0, ${JSON.stringify(join(ROOT, "docs"))})
sys.dont_write_bytecode = True
from sign import sign
given = json.load(open(${JSON.stringify(join(ROOT, "test/fixtures/signatures.json"))}, encoding="utf-8"))
print(json.dumps([sign(v["preset"], v["fields"], v["kid"], given["keys"][v["kid"]]) for v in given["signed"]]))`;
    const python = spawnSync("python3", ["-c", program], { encoding: "utf8" });
    // Without Python, compare the file's hash with the version that passed with Python.
    if (python.error === undefined) expect([python.stderr, JSON.parse(python.stdout || "[]")]).toEqual(["", URLS]);
    else console.warn(`docs/sign.py was compared, not run: ${python.error.message}`);
    expect(createHash("sha256").update(readText("docs/sign.py")).digest("hex")).toBe(vectors.python);
  });

  it("docs/signing.md contains both signing files unchanged", () => {
    const page = readText("docs/signing.md");
    for (const file of ["docs/sign.mjs", "docs/sign.py"]) expect(page).toContain(readText(file).trimEnd());
  });
});

describe("npm run sign", () => {
  // Run in a copy of the project, so that a developer's .dev.vars has no effect.
  const folder = mkdtempSync(join(tmpdir(), "easel-sign-"));
  for (const name of ["docs", "src", "node_modules", "package.json"]) symlinkSync(join(ROOT, name), join(folder, name));
  // The presets as `npm start` reads them.
  const presets =
    '[vars.PRESETS.hero]\nvary = ["prompt", "seed", "height", "aspectRatio"]\n[vars.PRESETS.logo]\nprompt = "a"\nvary = []\n';
  writeFileSync(join(folder, "wrangler.toml"), `${readText("wrangler.toml")}\n${presets}`);
  const copiedScripts = spawnSync("cp", ["-R", join(ROOT, "scripts"), folder]);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const runSign = (args: string[], env: Record<string, string> = {}) => {
    const { PATH = "" } = process.env;
    const node = spawnSync(process.execPath, [join(folder, "scripts/sign.ts"), ...args], {
      encoding: "utf8",
      env: { PATH, ...env },
    });
    return { status: node.status, out: node.stdout.trimEnd(), stderr: node.stderr };
  };
  const SIGNING_KEYS = JSON.stringify(vectors.keys);

  it("the command prints only the URL, by default with the first key and for npm start", () => {
    expect(copiedScripts.status).toBe(0);
    const [first] = URLS;
    expect(runSign(["hero", "--prompt", "a lighthouse at dusk"], { SIGNING_KEYS })).toEqual({
      status: 0,
      out: `http://localhost:8787${first}`,
      stderr: "",
    });
    const args = ["hero", "--prompt", "a cat", "--kid", "next", "--base", "https://img.example.com/"];
    expect(runSign(args, { SIGNING_KEYS }).out).toBe(`https://img.example.com${URLS[2]}`);
    expect(runSign(["hero", "--prompt", "a lighthouse at dusk", "--port", "9000"], { SIGNING_KEYS }).out).toBe(
      `http://localhost:9000${first}`,
    );
    const all = [
      "hero",
      "--seed",
      "7",
      "--height=768",
      "--aspectRatio",
      "16:9",
      "--prompt",
      "a cat",
      "--exp",
      "4102444800",
    ];
    expect(runSign(all, { SIGNING_KEYS }).out).toBe(`http://localhost:8787${URLS[1]}`);
  });

  it.each([
    ["30d", 30 * 86_400],
    ["12h", 12 * 3_600],
    ["2w", 14 * 86_400],
  ])("--exp %s sets the expiry relative to now", (exp, seconds) => {
    const { out } = runSign(["logo", "--exp", exp], { SIGNING_KEYS });
    const end = Number(new URL(out).searchParams.get("exp"));
    expect(Math.abs(end - Date.now() / 1000 - seconds)).toBeLessThan(30);
  });

  it("the command reads the keys that npm start wrote to .dev.vars", () => {
    const { stderr } = runSign(["logo"]);
    expect(stderr).toContain("There are no SIGNING_KEYS yet: the first `npm start` writes some into .dev.vars.");
    const file = join(folder, ".dev.vars");
    writeFileSync(file, "ADMIN_TOKEN=x\n");
    const { stderr: advice, status } = runSign(["logo"]);
    expect(status).toBe(1);
    // Run the command that the advice shows.
    const command = advice.split("\n").find((line) => line.startsWith("printf ")) ?? "";
    expect(spawnSync("sh", ["-c", command], { cwd: folder }).status).toBe(0);
    expect(runSign(["logo"])).toMatchObject({ status: 0, stderr: "" });
    // The environment overrides .dev.vars.
    expect(runSign(["hero", "--prompt", "a cat", "--kid", "next"], { SIGNING_KEYS }).out).toContain(URLS[2]);
  });

  const invalidArguments: [args: string[], stderr: string][] = [
    [[], ""],
    [["Hero"], "Hero is no preset's name"],
    [["hero", "a", "cat"], "a is one word too many: a prompt goes into quotes."],
    [["hero", "--colour", "red"], "Unknown option '--colour'"],
    [["hero", "--kid", "old"], "--kid old is none of SIGNING_KEYS, which has main, next."],
    [["hero", "--base", "img.example.com"], "--base img.example.com is no URL, as https://img.example.com is."],
    [["hero", "--base", "https://x.com/sub/path"], "must be an origin and no more, as in https://x.com."],
    [["hero", "--base", "https://x.com?a=b"], "must be an origin and no more, as in https://x.com."],
    [["hero", "--base", "https://x.com", "--port", "9000"], "Say either --base or --port"],
    [["hero", "--port", "0"], '--port takes a number from 1 to 65535, not "0".'],
    [["hero", "--exp", "2020-01-01"], "--exp 2020-01-01 is no time to come"],
    [["hero", "--exp", "2047-02-31"], "--exp 2047-02-31 is no time to come"],
    [["hero", "--exp", "9999-12-31"], "--exp 9999-12-31 is no time to come"],
    [["hero", "--exp", "soon"], "--exp soon is no time to come"],
    [["other", "--prompt", ""], "--prompt must not be empty."],
    [["other", "--seed", "abc"], "--seed must be a number without a fraction, of at most 15 digits."],
    [["other", "--size", "8K"], "--size must be one of 512, 1K, 2K, 3K, 4K."],
    [["other", "--width", "0"], "--width must be at least 1."],
    [["other", "--aspectRatio", "wide"], "--aspectRatio must be W:H, as in 16:9."],
    [["landscape"], "--prompt is required with the preset landscape."],
    [
      ["hero", "--prompt", "a cat", "--size", "1K"],
      "--size cannot be set with the preset hero; what may be set is prompt,",
    ],
  ];
  it.each(invalidArguments)("the arguments %j are rejected with an explanation", (args, expected) => {
    const { status, stderr, out } = runSign(args, { SIGNING_KEYS });
    expect([status, stderr]).toEqual([1, expect.stringContaining(expected)]);
    if (args.length > 0) expect(out).toBe("");
  });

  it("the command warns of a preset outside PRESETS unless --base names another gateway", () => {
    const status = 0;
    const stderr = expect.stringContaining(
      "landscap is not in PRESETS: unless PUT /v1/presets/landscap made it",
    ) as string;
    expect(runSign(["landscap", "--prompt", "a cat"], { SIGNING_KEYS })).toMatchObject({ status, stderr });
    const otherGateway = ["--base", "https://img.example.com"];
    expect(runSign(["landscap", ...otherGateway], { SIGNING_KEYS })).toMatchObject({ status, stderr: "" });
    expect(runSign(["landscape", ...otherGateway], { SIGNING_KEYS })).toMatchObject({ status, stderr: "" });
    // PRESETS of .dev.vars replaces the presets of wrangler.toml.
    writeFileSync(join(folder, ".dev.vars"), 'PRESETS={"landscap":{"vary":["prompt","size"]}}\n');
    expect(runSign(["landscap", "--prompt", "a cat"], { SIGNING_KEYS })).toMatchObject({ status, stderr: "" });
    writeFileSync(join(folder, ".dev.vars"), 'PRESETS={"landscap":{"size":"8K"}}\n');
    const broken = expect.stringMatching(/^PRESETS\.landscap: size .+\n$/) as string;
    expect(runSign(["landscap"], { SIGNING_KEYS })).toMatchObject({ status: 1, stderr: broken });
    rmSync(join(folder, ".dev.vars"));
  });

  it("the command warns of a short secret and never prints a secret", () => {
    expect(runSign(["logo"], { SIGNING_KEYS: '{"main":"planted"}' }).stderr).toContain("short enough to be guessed");
    expect(runSign(["hero"], { SIGNING_KEYS: "planted" }).stderr).not.toContain("planted");
  });
});
