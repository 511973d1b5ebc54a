import { readFileSync } from "node:fs";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const toml = readFileSync("wrangler.toml", "utf8");
const compatibilityDate = /^compatibility_date = "(.+)"$/m.exec(toml)?.[1] ?? "";
const compatibilityFlags = JSON.parse(/^compatibility_flags = (\[.+\])$/m.exec(toml)?.[1] ?? "[]") as string[];

export default defineConfig({
  test: {
    reporters: ["default", "./test/harness/closing-line.ts"],
    // Most of the time a test waits for a clock, not for a core.
    maxWorkers: 4,
    projects: [
      {
        // Inside workerd, with the runtime and bindings of wrangler.toml; not by its path, for then whatever is in a
        // developer's .dev.vars would be in the tests as well.
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate,
              compatibilityFlags,
              // As esbuild reads an import `with { type: "text" }`.
              modulesRules: [{ type: "Text", include: ["**/src/web/*.js"] }],
              kvNamespaces: ["KV"],
              r2Buckets: ["BUCKET"],
            },
          }),
        ],
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/e2e/**", "test/exercise/**"],
          testTimeout: 10_000,
        },
      },
      {
        // In Node, around the whole Worker in a workerd of its own and simulated vendors.
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          globalSetup: ["./test/harness/bundle.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
