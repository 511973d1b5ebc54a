// Add a sixth vendor as CONTRIBUTING.md describes: copy the project, add the files of test/exercise and one line.
// All checks, the build and the inner test run use the copy.
import { execFile } from "node:child_process";
import {
  constants,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it, vi } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const EXERCISE = join(ROOT, "test/exercise");
const REGISTRY = "src/vendors/index.ts";
const CONFIGURATION = [".oxlintrc.json", "package.json", "tsconfig.json", "vitest.config.ts", "wrangler.toml"];
const CODE = ["bench", "docs", "lint", "scripts", "src", "test"];
/** The timeout of a tool, shorter than the test's timeout so that a hanging tool is stopped before the test. */
const TOOL_MS = 600_000;
vi.setConfig({ testTimeout: TOOL_MS + 60_000 });

let copy: string;
beforeAll(async () => {
  copy = await realpath(await mkdtemp(join(tmpdir(), "easel-sixth-vendor-")));
  for (const part of [...CONFIGURATION, ...CODE]) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true, filter: (path) => path !== EXERCISE });
  }
  // Link each package separately, so that caches which tools write into node_modules stay in the copy.
  await mkdir(join(copy, "node_modules"));
  for (const name of (await readdir(join(ROOT, "node_modules"))).filter((name) => !name.startsWith("."))) {
    await symlink(join(ROOT, "node_modules", name), join(copy, "node_modules", name));
  }
  for (const path of (await filesIn(EXERCISE)).filter((path) => path !== "README.md")) {
    await mkdir(dirname(join(copy, path)), { recursive: true });
    // No file of the project may be replaced.
    await copyFile(join(EXERCISE, path), join(copy, path), constants.COPYFILE_EXCL);
  }
  await writeFile(join(copy, REGISTRY), registerVendor(await readFile(join(ROOT, REGISTRY), "utf8")));
});
afterAll(() => rm(copy, { recursive: true, force: true }));

/** Return the registry with the vendor's import and its entry at the end of the list. */
function registerVendor(registry: string): string {
  const entry = (_: string, list: string, comma: string, end: string) =>
    `${list},${end === "" ? " " : `${end}  `}aquarelle${comma}${end}];`;
  const withEntry = registry.replace(/(: readonly Vendor\[\] = \[[^\]]*?)(,?)(\s*)\];/, entry);
  return `import { aquarelle } from "./aquarelle/index.ts";\n${withEntry}`;
}

/** Run a tool of the project in the copy; rejects with its whole output if it fails. */
async function run(tool: string, ...args: string[]): Promise<string> {
  // Vitest's variables of this run must not reach the inner run.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("VITEST")));
  const command = [join(copy, "node_modules", tool), ...args];
  return promisify(execFile)(process.execPath, command, { cwd: copy, env, timeout: TOOL_MS }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => {
      throw new Error(`${tool} ${args.join(" ")}\n${stdout}\n${stderr}`);
    },
  );
}

const lint = (path: string) => run("oxlint/bin/oxlint", "--type-aware", "--deny-warnings", path);

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted();
}

it("a vendor consists of its folder, fixtures, tests and one registry line", async () => {
  const files = await filesIn(EXERCISE);
  const sourceFiles = ["dialect", "index", "models", "provider", "wire"].map(
    (name) => `src/vendors/aquarelle/${name}.ts`,
  );
  expect(files.filter((path) => path.startsWith("src/"))).toEqual(sourceFiles);
  const tests = files.filter((path) => path.startsWith("test/"));
  expect(tests.filter((path) => !/^test\/(fixtures|vendors|sim|e2e)\/aquarelle\b/.test(path))).toEqual([]);
  const [before, after] = await Promise.all([ROOT, copy].map((root) => readFile(join(root, REGISTRY), "utf8")));
  const added = (after ?? "").split("\n").filter((text) => !(before ?? "").split("\n").includes(text));
  expect(added).toEqual([expect.stringMatching(/^import .*aquarelle/), expect.stringMatching(/\baquarelle\b/)]);
});

it("a vendor's name appears only in its folder and the registry, and lint enforces it", async () => {
  const src = join(copy, "src");
  const filesWithName: string[] = [];
  for (const path of await filesIn(src)) {
    if (/aquarelle/i.test(await readFile(join(src, path), "utf8"))) filesWithName.push(path);
  }
  expect(filesWithName.filter((path) => dirname(path) !== "vendors/aquarelle")).toEqual(["vendors/index.ts"]);
  await lint("src");
  await writeFile(join(src, "store/other.ts"), 'export const from = "Aquarelle";\n');
  await expect(lint("src/store/other.ts")).rejects.toThrow(/vendor-names/);
  await rm(join(src, "store/other.ts"));
});

it("a project with a sixth vendor passes the type check", async () => {
  await run("typescript/bin/tsc", "--noEmit");
});

it("a sixth vendor passes the contract tests and generates in the built Worker", async () => {
  const output = await run(
    "vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=./test/harness/closing-line.ts",
    "aquarelle",
    "test/models/registry.test.ts",
    "test/vendors/models.test.ts",
  );
  for (const file of [
    "test/vendors/aquarelle.test.ts",
    "test/e2e/aquarelle.test.ts",
    "test/models/registry.test.ts",
    "test/vendors/models.test.ts",
  ])
    expect(output).toContain(file);
  expect(output).toMatch(/\n\d+ passed, 0 failed\n$/);
});
