import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";

/** Runs in the page before its own scripts: keeps what happened to layout and to pictures. */
const WITNESS = `
  window.shifts = [];
  window.told = [];
  new PerformanceObserver((list) => shifts.push(...list.getEntries())).observe({ type: "layout-shift", buffered: true });
  for (const state of ["loading", "ready", "refused", "limited", "failed"]) {
    addEventListener("easel-" + state, ({ target, detail }) => told.push({ id: target.id, state, ...detail }));
  }`;

/** A state that an element told of, by its events. */
export interface Told {
  id: string;
  state: string;
  status?: number;
  message?: string;
  retryAfter?: number;
  generation?: string;
}

/** Somebody who looks at a page. */
export interface Visit {
  page: Page;
  /** What the page asked for: `GET /i/hero?…`, without its origin. */
  asked: string[];
  /** What the browser said in its console. */
  console: string[];
  told(id?: string): Promise<Told[]>;
  /** All layout shifts together; 0 is none. */
  shift(): Promise<number>;
  /** Resolves once the element has the state. */
  becomes(selector: string, state: string, timeoutMs?: number): Promise<void>;
  /** A picture of the page as it is once what fades has faded, where the variable SCREENSHOTS names a folder for them. */
  shoot(name: string): Promise<void>;
  leave(): Promise<void>;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Done before anything is asked for. */
  before?: (page: Page) => unknown;
}

/** Opens `url` in a context of its own: no cache, no cookies. */
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
    asked,
    console: lines,
    told: async (id) => {
      const told = JSON.parse(await page.evaluate<string>("JSON.stringify(told)")) as Told[];
      return id === undefined ? told : told.filter((each) => each.id === id);
    },
    shift: () => page.evaluate<number>("shifts.reduce((sum, { value }) => sum + value, 0)"),
    becomes: (selector, state, timeout = 60_000) =>
      page.locator(`${selector}[state=${state}]`).waitFor({ state: "attached", timeout }),
    shoot: async (name) => {
      const folder = process.env["SCREENSHOTS"];
      if (folder === undefined) return;
      await page.waitForTimeout(700);
      await writeFile(join(folder, `${name}.png`), await page.screenshot());
    },
    leave: () => context.close(),
  };
}
