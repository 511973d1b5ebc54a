import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Runs in the page before its own scripts: records layout shifts and the events of elements. */
const WITNESS = `
  window.shifts = [];
  window.told = [];
  new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: "layout-shift", buffered: true });
  for (const state of ["loading", "ready", "refused", "limited", "failed"]) {
    addEventListener("easel-" + state, ({ target, detail }) => told.push({ id: target.id, state, ...detail }));
  }`;

/** A state that an element has reported by an event. */
export interface ReportedState {
  id: string;
  state: string;
  status?: number;
  message?: string;
  retryAfter?: number;
  generation?: string;
}

/** A browser context that shows a page. */
export interface Visit {
  page: Page;
  /** The requests of the page, without the origin: `GET /i/hero?…`. */
  requests: string[];
  /** The lines of the browser's console. */
  console: string[];
  reportedStates(id?: string): Promise<ReportedState[]>;
  /** The sum of all layout shifts; 0 if there are none. */
  shift(): Promise<number>;
  /** Resolve once the element has the state. */
  waitForState(selector: string, state: string, timeoutMs?: number): Promise<void>;
  /** Write a screenshot after all transitions to the folder in the environment variable SCREENSHOTS, if it is set. */
  screenshot(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Called before the first request. */
  before?: (page: Page) => unknown;
}

/** Open `url` in a new context, without cache and cookies. */
export async function visit(browser: Browser, url: string, { before, ...options }: VisitOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 }, ...options });
  const page = await context.newPage();
  await before?.(page);
  const asked: string[] = [];
  const lines: string[] = [];
  page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    asked.push(`${request.method()} ${pathname}${search}`);
  });
  page.on("console", (message) => lines.push(message.text()));
  page.on("pageerror", (error) => lines.push(String(error)));
  if (options.javaScriptEnabled !== false) await page.addInitScript(WITNESS);
  await page.goto(url, { waitUntil: "domcontentloaded" });
  return {
    page,
    requests: asked,
    console: lines,
    reportedStates: async (id) => {
      const told = JSON.parse(await page.evaluate<string>("JSON.stringify(told)")) as ReportedState[];
      return id === undefined ? told : told.filter((each) => each.id === id);
    },
    shift: () => page.evaluate<number>("shifts.reduce((sum, { value }) => sum + value, 0)"),
    waitForState: (selector, state, timeout = 60_000) =>
      page.locator(`${selector}[state=${state}]`).waitFor({ state: "attached", timeout }),
    screenshot: async (name) => {
      const folder = process.env["SCREENSHOTS"];
      if (folder === undefined) return;
      await page.waitForTimeout(700);
      await writeFile(join(folder, `${name}.png`), await page.screenshot());
    },
    close: () => context.close(),
  };
}
