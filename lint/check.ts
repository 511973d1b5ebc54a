// Part of `npm run check`: checks that no lint rule can make, and the proof that every fence fires. Each sample below is
// written to a temporary folder and linted with the project's configuration; the rule given with it must reject it.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { treeProblems } from "./tree.ts";

const ROOT = join(import.meta.dirname, "..");

/** Path, code, and the rule that must reject it; without a rule the sample must pass. */
const SAMPLES: [path: string, code: string, rule?: string][] = [
  ["src/errors.ts", "export const x = 1;\n"],
  ["src/image/up.ts", 'export { x } from "../stream/ok.ts";\n', "layers"],
  ["src/stream/ok.ts", 'export { x } from "../errors.ts";\n'],
  ["src/stream/up.ts", 'export { x } from "../generate/generate.ts";\n', "layers"],
  ["src/store/sideways.ts", 'export { x } from "../stream/ok.ts";\n'],
  ["src/generate/generate.ts", 'export { x } from "../store/sideways.ts";\n'],
  ["src/nowhere/up.ts", 'export { x } from "../errors.ts";\n', "layers"],
  ["src/access/late.ts", 'export const late = () => import("../app.ts");\n', "layers"],
  ["src/access/type.ts", 'export type X = typeof import("../app.ts");\n', "layers"],
  ["src/routes/outside.ts", 'export { y } from "../../test/y.ts";\n', "layers"],
  ["src/routes/sdk.ts", 'export { OpenAI } from "openai";\n', "layers"],
  ["src/routes/hono.ts", 'export { Hono } from "hono";\nexport { stream } from "hono/streaming";\n'],
  ["src/schedule/tick.ts", 'export { Cron } from "croner";\nexport { x } from "../generate/generate.ts";\n'],
  ["src/generate/late.ts", 'export { Cron } from "../schedule/tick.ts";\n', "layers"],
  ["src/schedule/http.ts", 'export { x } from "../routes/hono.ts";\n', "layers"],
  ["src/routes/deep.ts", 'export { x } from "../vendors/linkai/wire.ts";\n', "layers"],
  ["src/app.ts", 'export { x } from "./generate/generate.ts";\n'],
  ["src/vendors/index.ts", 'export { x as linkai } from "./linkai/wire.ts";\n'],
  ["src/vendors/linkai/wire.ts", 'export { x } from "../../errors.ts";\n'],
  ["src/vendors/linkai/send.ts", 'export { x } from "../send.ts";\n', "layers"],
  ["src/vendors/linkai/store.ts", 'export { x } from "../../store/sideways.ts";\n', "layers"],
  ["src/vendors/openai/other.ts", 'export { x } from "../easel/wire.ts";\n', "layers"],
  ["src/access/a.ts", 'import { b } from "./b.ts";\nexport const a = (): number => b();\n', "no-cycle"],
  ["src/access/b.ts", 'import { a } from "./a.ts";\nexport const b = (): number => a();\n', "no-cycle"],
  ["src/store/string.ts", 'export const from = "LinkAI";\n', "vendor-names"],
  ["src/store/comment.ts", "// as api.marswave.ai does\nexport const from = 1;\n", "vendor-names"],
  ["src/store/name.ts", "export const linkaiKey = 1;\n", "vendor-names"],
  ["src/vendors/nebula/other.ts", 'export const like = "linkai";\n', "vendor-names"],
  ["src/vendors/nebula/own.ts", 'export const own = "nebula";\n'],
  ["src/store/sixty.ts", "export const sixty = 60;\n"],
  ["src/store/body.ts", "export const read = (response: Response) => response.json();\n", "no-whole-body"],
  ["src/store/maybe.ts", "export const read = (body?: R2ObjectBody) => body?.arrayBuffer();\n", "no-whole-body"],
  ["src/store/odd.ts", 'export const read = (response: Response) => response["text"]();\n', "no-whole-body"],
  ["src/routes/answer.ts", "export const answer = () => Response.json({ ok: true });\n"],
  ["src/store/any.ts", "export const loose = (value: any): unknown => value;\n", "no-explicit-any"],
  ["src/store/float.ts", "export function go(): void {\n  Promise.resolve(1);\n}\n", "no-floating-promises"],
  ["src/store/ts.ts", "// @ts-ignore\nexport const x: number = 1;\n", "ban-ts-comment"],
  ["src/store/print.ts", 'console.log("hello");\n', "no-console"],
  ["src/log.ts", 'console.log("hello");\n'],
];

const problems = treeProblems(ROOT);
const folder = mkdtempSync(join(tmpdir(), "easel-fences-"));
try {
  for (const name of [".oxlintrc.json", "lint/fences.js"]) cpSync(join(ROOT, name), join(folder, name));
  writeSample(
    "tsconfig.json",
    '{ "compilerOptions": { "strict": true, "allowImportingTsExtensions": true, "noEmit": true } }',
  );
  writeSample("package.json", '{ "type": "module", "dependencies": { "hono": "1", "some-sdk": "1" } }');
  for (const [path, code] of SAMPLES) writeSample(path, code);

  const rejections = lintSamples();
  for (const [path, , rule] of SAMPLES) {
    const fired = rejections.get(path) ?? [];
    if (rule === undefined && fired.length > 0)
      problems.push(`A fence refused what is allowed, ${path}: ${fired.join()}`);
    if (rule !== undefined && !fired.includes(rule)) problems.push(`The fence ${rule} let ${path} through.`);
  }
  const findings = treeProblems(folder).map((line) => line.split(" may ")[0]?.split(" is ")[0]);
  if (findings.join("; ") !== "package.json: some-sdk; src/store/ts.ts: @ts-ignore") {
    problems.push(`lint/tree.ts found ${findings.join("; ") || "nothing"} in the samples.`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function writeSample(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

/** Path → the rules that rejected it, without the plugin's name. */
function lintSamples(): Map<string, string[]> {
  const oxlint = join(ROOT, "node_modules/oxlint/bin/oxlint");
  const run = spawnSync(process.execPath, [oxlint, "--type-aware", "-f", "json"], { cwd: folder, encoding: "utf8" });
  const { diagnostics } = JSON.parse(run.stdout) as { diagnostics: { filename: string; code: string }[] };
  const refusals = new Map<string, string[]>();
  for (const { filename, code } of diagnostics) {
    const path = filename.replaceAll("\\", "/");
    refusals.set(path, [...(refusals.get(path) ?? []), /\(([^)]+)\)$/.exec(code)?.[1] ?? code]);
  }
  return refusals;
}
