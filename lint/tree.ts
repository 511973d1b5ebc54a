import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const CODE = ["src", "test", "bench", "scripts"];
/** The Worker's dependencies; every other package is a development dependency. */
const DEPENDENCIES = new Set(["hono", "zod", "croner"]);
/** A comment that disables a fence. No lint rule can reject it, because it disables that rule too. */
const DISABLING_COMMENT = /(?:oxlint|eslint)-disable|@ts-ignore|@ts-nocheck/;

/** Check what no lint rule can, in the project at `root`; returns one line per problem. */
export function treeProblems(root: string): string[] {
  const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const problems = Object.keys(dependencies)
    .filter((name) => !DEPENDENCIES.has(name))
    .map((name) => `package.json: ${name} may not be a dependency; the Worker has ${[...DEPENDENCIES].join(", ")}.`);
  for (const folder of CODE.filter((name) => existsSync(join(root, name)))) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.[cm]?[jt]sx?$/.test(entry.name)) continue;
      const path = join(entry.parentPath, entry.name);
      const match = DISABLING_COMMENT.exec(readFileSync(path, "utf8"));
      if (match)
        problems.push(`${path.slice(root.length + 1)}: ${match[0]} is not allowed; mend the code or the rule.`);
    }
  }
  return problems;
}
