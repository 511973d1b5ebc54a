import { afterAll, beforeAll } from "vitest";
import type { Browser } from "playwright-core";
import { sign } from "../../docs/sign.mjs";
import { startEasel } from "../harness/worker.ts";
import type { Easel } from "../harness/worker.ts";
import { startBrowser } from "./browser.ts";
import { startSite } from "./site.ts";
import type { Site } from "./site.ts";
import { visit } from "./visit.ts";
import type { Visit, VisitOptions } from "./visit.ts";

const ADMIN = "admin-token-of-the-test";
export const KID = "k1";
export const SECRET = "0123456789abcdef0123456789abcdef";

/** The CSS rule of docs/embed.md, and a width to measure. */
const DOCUMENTED = `
  easel-image, easel-image img { display: block; width: 100%; height: auto; aspect-ratio: 16 / 9; object-fit: cover }
  easel-image { width: 400px }`;

/** Options of a test page. */
export interface PageOptions extends VisitOptions {
  /** The script's tag; default: with `defer`. */
  script?: string;
  /** Additional styles; with `bare`, without the rule of the documentation. */
  css?: string;
  bare?: boolean;
  /** The Content-Security-Policy. */
  csp?: string;
  /** The origin of the page; default: the site's. */
  at?: string;
}

/** Easel with a preset, a third-party site, and a browser. */
export interface Stand {
  easel: Easel;
  site: Site;
  browser: Browser;
  /** Create a publishable key for the site's origin and the preset `hero`. */
  key(terms?: object): Promise<string>;
  /** Sign a URL of the preset `hero`. */
  signed(prompt: string): string;
  /** Open a page with this body that loads embed.js. */
  open(body: string, options?: PageOptions): Promise<Visit>;
}

/** Set up the tests of one file; everything is stopped after them. */
export function stand(): Stand {
  const made = {} as Stand;
  let pages = 0;
  beforeAll(async () => {
    const easel = await startEasel({
      faulty: true,
      vars: {
        ADMIN_TOKEN: ADMIN,
        SANDBOX: "fallback",
        PRESETS: JSON.stringify({ hero: { aspectRatio: "16:9", size: "1K" } }),
        SIGNING_KEYS: JSON.stringify({ [KID]: SECRET }),
      },
    });
    const [site, browser] = await Promise.all([startSite(), startBrowser()]);
    Object.assign(made, {
      easel,
      site,
      browser,
      key: async (terms) => {
        const answer = await easel.fetch("/v1/keys", {
          method: "POST",
          headers: { authorization: `Bearer ${ADMIN}`, "content-type": "application/json" },
          body: JSON.stringify({
            kind: "publishable",
            origins: [site.origin],
            presets: ["hero"],
            size: "1K",
            perMinute: 600,
            ...terms,
          }),
        });
        if (answer.status !== 201) throw new Error(await answer.text());
        const { key } = (await answer.json()) as { key: string };
        return key;
      },
      signed: (prompt) => easel.url + sign("hero", { prompt }, KID, SECRET),
      open: async (body, { script, css = "", bare = false, csp, at = site.origin, ...options } = {}) => {
        const name = `/page-${(pages += 1)}`;
        site.put(`${name}.css`, { type: "text/css", body: (bare ? "" : DOCUMENTED) + css });
        const tag = script ?? `<script src="${easel.url}/embed.js" defer></script>`;
        const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A page</title>
          <link rel="stylesheet" href="${name}.css">${tag}<h1>A page</h1>${body}<p id="after">What comes after.</p>`;
        const headers = csp === undefined ? {} : { "content-security-policy": csp };
        return visit(browser, at + site.put(name, { body: html, type: "text/html", headers }), options);
      },
    } satisfies Stand);
  });
  afterAll(async () => {
    await made.browser.close();
    await Promise.all([made.site.stop(), made.easel.stop()]);
  });
  return made;
}
