import { readFileSync } from "node:fs";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

const toml = readFileSync("wrangler.toml", "utf8");
const compatibilityDate = /^compatibility_date = "(.+)"$/m.exec(toml)?.[1] ?? "";
const compatibilityFlags = JSON.parse(/^compatibility_flags = (\[.+\])$/m.exec(toml)?.[1] ?? "[]") as string[];

// Sampled tests (test/harness/sample.ts) try other seeds in each run, and print how to repeat one.
const provide = {
  seed: Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 1_000_000)),
  all: process.env["TEST_ALL"] === "1",
};

// Far from what a test needs: on a busy machine everything takes ten times as long. They only end what hangs.
const LIMITS = {
  unit: { testTimeout: 60_000, hookTimeout: 60_000 },
  e2e: { testTimeout: 180_000, hookTimeout: 180_000 },
};

export default defineConfig({
  test: {
    reporters: ["./test/harness/progress.ts", "./test/harness/closing-line.ts"],
    // Print what a test writes to the console only if the test fails.
    silent: "passed-only",
    // Most of the time a test waits for a clock, not for a core.
    maxWorkers: 4,
    projects: [
      {
        // In workerd, with the compatibility date and flags of wrangler.toml. The file is not passed by path: the
        // developer's .dev.vars would then reach the tests.
        plugins: [
          cloudflareTest({
            // Otherwise workerd prints the stack of every stream that a test cancels.
            verbose: false,
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
          provide,
          ...LIMITS.unit,
        },
      },
      {
        // In Node: the built Worker in its own workerd, between the test and simulated vendors.
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          environment: "node",
          globalSetup: ["./test/harness/bundle.ts"],
          ...LIMITS.e2e,
        },
      },
    ],
  },
});
