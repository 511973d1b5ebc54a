import { chromium as playwright } from "playwright-core";
import type { Browser } from "playwright-core";

/** Flags of @sparticuz/chromium for cloud functions that no visitor's browser has: weaker isolation and security. */
const CLOUD_ONLY_FLAGS = new Set([
  "--allow-running-insecure-content",
  "--disable-site-isolation-trials",
  "--disable-web-security",
  "--no-zygote",
  "--single-process",
]);

/** Start a real headless Chromium; the caller must `close()` it. */
export async function startBrowser(): Promise<Browser> {
  // Set before the import, which reads it: otherwise the package does not bring the libraries that Chromium needs.
  process.env["AWS_EXECUTION_ENV"] ??= "AWS_Lambda_nodejs24.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args.filter((arg) => !CLOUD_ONLY_FLAGS.has(arg)),
  });
}
