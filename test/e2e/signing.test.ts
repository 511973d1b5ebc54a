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
const text = (path: string) => readFileSync(join(ROOT, path), "utf8");

describe("what build scripts copy", () => {
  it("signs in JavaScript", () => {
    const signed = vectors.signed.map(({ preset, fields, kid }) =>
      sign(preset, fields as Record<string, string | number>, kid, secretOf(kid)),
    );
    expect(signed).toEqual(URLS);
  });

  it("signs in Python", () => {
    const program = `import json, sys
sys.path.insert(0, ${JSON.stringify(join(ROOT, "docs"))})
sys.dont_write_bytecode = True
from sign import sign
given = json.load(open(${JSON.stringify(join(ROOT, "test/fixtures/signatures.json"))}, encoding="utf-8"))
print(json.dumps([sign(v["preset"], v["fields"], v["kid"], given["keys"][v["kid"]]) for v in given["signed"]]))`;
    const run = spawnSync("python3", ["-c", program], { encoding: "utf8" });
    // Where there is no Python, the file must be the one that passed where there was.
    if (run.error === undefined) expect([run.stderr, JSON.parse(run.stdout || "[]")]).toEqual(["", URLS]);
    else console.warn(`docs/sign.py was compared, not run: ${run.error.message}`);
    expect(createHash("sha256").update(text("docs/sign.py")).digest("hex")).toBe(vectors.python);
  });

  it("is what docs/signing.md shows", () => {
    const page = text("docs/signing.md");
    for (const file of ["docs/sign.mjs", "docs/sign.py"]) expect(page).toContain(text(file).trimEnd());
  });
});

describe("npm run sign", () => {
  // Another folder, since a developer's own .dev.vars is none of a test's business.
  const folder = mkdtempSync(join(tmpdir(), "easel-sign-"));
  for (const name of ["docs", "src", "node_modules", "package.json"]) symlinkSync(join(ROOT, name), join(folder, name));
  // The presets that there are, as `npm start` has them.
  const own =
    '[vars.PRESETS.hero]\nvary = ["prompt", "seed", "height", "aspectRatio"]\n[vars.PRESETS.logo]\nprompt = "a"\nvary = []\n';
  writeFileSync(join(folder, "wrangler.toml"), `${text("wrangler.toml")}\n${own}`);
  const scripts = spawnSync("cp", ["-R", join(ROOT, "scripts"), folder]);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (args: string[], env: Record<string, string> = {}) => {
    const { PATH = "" } = process.env;
    const node = spawnSync(process.execPath, [join(folder, "scripts/sign.ts"), ...args], {
      encoding: "utf8",
      env: { PATH, ...env },
    });
    return { status: node.status, out: node.stdout.trimEnd(), said: node.stderr };
  };
  const SIGNING_KEYS = JSON.stringify(vectors.keys);

  it("prints the URL alone, by the first key and for npm start unless told", () => {
    expect(scripts.status).toBe(0);
    const [first] = URLS;
    expect(run(["hero", "--prompt", "a lighthouse at dusk"], { SIGNING_KEYS })).toEqual({
      status: 0,
      out: `http://localhost:8787${first}`,
      said: "",
    });
    const args = ["hero", "--prompt", "a cat", "--kid", "next", "--base", "https://img.example.com/"];
    expect(run(args, { SIGNING_KEYS }).out).toBe(`https://img.example.com${URLS[2]}`);
    expect(run(["hero", "--prompt", "a lighthouse at dusk", "--port", "9000"], { SIGNING_KEYS }).out).toBe(
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
    expect(run(all, { SIGNING_KEYS }).out).toBe(`http://localhost:8787${URLS[1]}`);
  });

  it.each([
    ["30d", 30 * 86_400],
    ["12h", 12 * 3_600],
    ["2w", 14 * 86_400],
  ])("--exp %s", (exp, seconds) => {
    const { out } = run(["logo", "--exp", exp], { SIGNING_KEYS });
    const end = Number(new URL(out).searchParams.get("exp"));
    expect(Math.abs(end - Date.now() / 1000 - seconds)).toBeLessThan(30);
  });

  it("reads the keys that npm start wrote", () => {
    const { said } = run(["logo"]);
    expect(said).toContain("There are no SIGNING_KEYS yet: the first `npm start` writes some into .dev.vars.");
    const file = join(folder, ".dev.vars");
    writeFileSync(file, "ADMIN_TOKEN=x\n");
    const { said: advice, status } = run(["logo"]);
    expect(status).toBe(1);
    // What it says to do, done.
    const command = advice.split("\n").find((line) => line.startsWith("printf ")) ?? "";
    expect(spawnSync("sh", ["-c", command], { cwd: folder }).status).toBe(0);
    expect(run(["logo"])).toMatchObject({ status: 0, said: "" });
    // The environment counts for more.
    expect(run(["hero", "--prompt", "a cat", "--kid", "next"], { SIGNING_KEYS }).out).toContain(URLS[2]);
  });

  const wrong: [args: string[], said: string][] = [
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
  it.each(wrong)("%j is refused in words", (args, expected) => {
    const { status, said, out } = run(args, { SIGNING_KEYS });
    expect([status, said]).toEqual([1, expect.stringContaining(expected)]);
    if (args.length > 0) expect(out).toBe("");
  });

  it("warns of a preset that is not in PRESETS, and of none where the gateway is elsewhere", () => {
    const status = 0;
    const said = expect.stringContaining(
      "landscap is not in PRESETS: unless PUT /v1/presets/landscap made it",
    ) as string;
    expect(run(["landscap", "--prompt", "a cat"], { SIGNING_KEYS })).toMatchObject({ status, said });
    const elsewhere = ["--base", "https://img.example.com"];
    expect(run(["landscap", ...elsewhere], { SIGNING_KEYS })).toMatchObject({ status, said: "" });
    expect(run(["landscape", ...elsewhere], { SIGNING_KEYS })).toMatchObject({ status, said: "" });
    // Of .dev.vars, they are all there is.
    writeFileSync(join(folder, ".dev.vars"), 'PRESETS={"landscap":{"vary":["prompt","size"]}}\n');
    expect(run(["landscap", "--prompt", "a cat"], { SIGNING_KEYS })).toMatchObject({ status, said: "" });
    writeFileSync(join(folder, ".dev.vars"), 'PRESETS={"landscap":{"size":"8K"}}\n');
    const broken = expect.stringMatching(/^PRESETS\.landscap: size .+\n$/) as string;
    expect(run(["landscap"], { SIGNING_KEYS })).toMatchObject({ status: 1, said: broken });
    rmSync(join(folder, ".dev.vars"));
  });

  it("warns of a secret that can be guessed, and repeats none", () => {
    expect(run(["logo"], { SIGNING_KEYS: '{"main":"planted"}' }).said).toContain("short enough to be guessed");
    expect(run(["hero"], { SIGNING_KEYS: "planted" }).said).not.toContain("planted");
  });
});
