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
        // In workerd, with the compatibility date and flags of wrangler.toml. The file is not passed by path: the
        // developer's .dev.vars would then reach the tests.
        plugins: [
          cloudflareTest({
            miniflare: {
              compatibilityDate,
              compatibilityFlags,
              // Import text files as esbuild does: `with { type: "text" }`.
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
        // In Node: the built Worker in its own workerd, between the test and simulated vendors.
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
