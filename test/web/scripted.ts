import type { Page, Request } from "playwright-core";
import { afterEach } from "vitest";
import { png } from "../sim/index.ts";
import { stand } from "./stand.ts";
import type { PageOptions, Stand } from "./stand.ts";
import type { Visit } from "./visit.ts";

/** What an element asks for, in the tests that do not mind what. */
export const ASKS = 'preset="hero" prompt="a lighthouse" key="pk_a_b" ratio="16:9"';
/** For what takes a while on a machine that is busy. */
export const SOON = { timeout: 60_000 };

export interface Refusal {
  status: number;
  retryAfter?: string;
  message?: string;
}

/** How one request is answered: well, never, by a broken connection, or so. */
export type Answer = "good" | "never" | "lost" | Refusal;

const PICTURE = png({ width: 64, height: 36 }).bytes;
const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };

/** One after the other, and the last of them ever after. */
export type Answers = [Answer, ...Answer[]];

/** The page of the test that runs. */
interface Scripted {
  s: Stand;
  v: Visit;
  /** What the page asked for, beside the pictures that were drawn for it. */
  seen: Request[];
  /** Opens the page, and answers it in place of Easel. */
  open(body: string, answers?: Answers, options?: PageOptions): Promise<void>;
  /** The states that an element told of. */
  states(id: string): Promise<string[]>;
  run(code: string): Promise<unknown>;
  settle(): Promise<void>;
  /** A URL that is answered. */
  src(name?: string): string;
}

/** For the tests of one file: Easel serves the script, and the answers to it are the tests' own. */
export function scripted(): Scripted {
  const s = stand();
  const made: Scripted = {
    s,
    v: {} as Visit,
    seen: [],
    open: async (body, answers = ["good"], options = {}) => {
      const before: PageOptions["before"] = async (page) => {
        await options.before?.(page);
        made.seen = await answer(page, answers);
      };
      made.v = await s.open(body, { ...options, before });
    },
    states: async (id) => (await made.v.told(id)).map(({ state }) => state),
    run: (code) => made.v.page.evaluate(code),
    settle: () => made.v.page.waitForTimeout(300),
    src: (name = "x") => `${s.easel.url}/i/${name}`,
  };
  afterEach(() => made.v.leave());
  return made;
}

/** What is asked for a picture that was drawn (`/images/…`) is always answered, and not among what is returned. */
async function answer(page: Page, answers: Answers): Promise<Request[]> {
  const seen: Request[] = [];
  await page.route(/\/images\//, (route) => route.fulfill({ contentType: "image/png", body: PICTURE, headers: CORS }));
  await page.route(/\/(?:i\/|v1\/generations)/, async (route) => {
    const request = route.request();
    if (request.method() === "OPTIONS") {
      const allowed = { "access-control-allow-headers": "authorization, content-type, idempotency-key" };
      return route.fulfill({ status: 204, headers: { ...CORS, ...allowed } });
    }
    seen.push(request);
    const how = answers[Math.min(seen.length, answers.length) - 1] ?? "good";
    if (how === "never") return;
    if (how === "lost") return route.abort();
    if (how === "good" && request.method() === "GET")
      return route.fulfill({ contentType: "image/png", body: PICTURE, headers: CORS });
    if (how === "good")
      return route.fulfill({
        json: { id: "g1", images: [{ url: new URL("/images/g1/0", request.url()).href }] },
        headers: CORS,
      });
    const { status, retryAfter, message = "No." } = how;
    const headers = { ...CORS, ...(retryAfter !== undefined && { "retry-after": retryAfter }) };
    return route.fulfill({ status, headers, json: { error: { code: "x", message } } });
  });
  return seen;
}
