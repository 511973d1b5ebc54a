import { chromium as playwright } from "playwright-core";
import type { Browser } from "playwright-core";

/** What it brings for functions in the cloud and no visitor has: pages that may read everything, or share a process. */
const NOT_A_VISITORS = new Set([
  "--allow-running-insecure-content",
  "--disable-site-isolation-trials",
  "--disable-web-security",
  "--no-zygote",
  "--single-process",
]);

/** A real Chromium, without a window; `close()` it when done. */
export async function startBrowser(): Promise<Browser> {
  // Read as it is imported: otherwise the libraries that it needs are left to the machine.
  process.env["AWS_EXECUTION_ENV"] ??= "AWS_Lambda_nodejs24.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  return playwright.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args.filter((arg) => !NOT_A_VISITORS.has(arg)),
  });
}
