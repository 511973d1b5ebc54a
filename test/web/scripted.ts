import type { Page, Request } from "playwright-core";
import { afterEach } from "vitest";
import { png } from "../sim/index.ts";
import { stand } from "./stand.ts";
import type { PageOptions, Stand } from "./stand.ts";
import type { Visit } from "./visit.ts";

/** Attributes of an element, for tests in which the request does not matter. */
export const ASKS = 'preset="hero" prompt="a lighthouse" key="pk_a_b" ratio="16:9"';
/** A timeout for polls that may take a while on a busy machine. */
export const SOON = { timeout: 60_000 };

export interface Refusal {
  status: number;
  retryAfter?: string;
  message?: string;
}

/** The response to a request: a picture, none, a broken connection, or an error. */
export type Answer = "good" | "never" | "lost" | Refusal;

const PICTURE = png({ width: 64, height: 36 }).bytes;
const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };

/** The responses in order; the last one is repeated. */
export type Answers = [Answer, ...Answer[]];

/** The page of the running test. */
interface Scripted {
  s: Stand;
  v: Visit;
  /** The requests of the page, without those for its generated pictures. */
  seen: Request[];
  /** Open the page and respond to its requests instead of Easel. */
  open(body: string, answers?: Answers, options?: PageOptions): Promise<void>;
  /** The states that an element has reported by events. */
  states(id: string): Promise<string[]>;
  run(code: string): Promise<unknown>;
  settle(): Promise<void>;
  /** A URL that gets a scripted response. */
  src(name?: string): string;
}

/** Set up the tests of one file: Easel serves the script, and the tests script the responses. */
export function scripted(): Scripted {
  const s = stand();
  const scriptedPage: Scripted = {
    s,
    v: {} as Visit,
    seen: [],
    open: async (body, answers = ["good"], options = {}) => {
      const before: PageOptions["before"] = async (page) => {
        await options.before?.(page);
        scriptedPage.seen = await scriptResponses(page, answers);
      };
      scriptedPage.v = await s.open(body, { ...options, before });
    },
    states: async (id) => (await scriptedPage.v.reportedStates(id)).map(({ state }) => state),
    run: (code) => scriptedPage.v.page.evaluate(code),
    settle: () => scriptedPage.v.page.waitForTimeout(300),
    src: (name = "x") => `${s.easel.url}/i/${name}`,
  };
  afterEach(() => scriptedPage.v.close());
  return scriptedPage;
}

/**
 * Script the responses; return the requests, without those for generated pictures (`/images/…`), which always succeed.
 */
async function scriptResponses(page: Page, answers: Answers): Promise<Request[]> {
  const seen: Request[] = [];
  await page.route(/\/images\//, (route) => route.fulfill({ contentType: "image/png", body: PICTURE, headers: CORS }));
  await page.route(/\/(?:i\/|v1\/generations)/, async (route) => {
    const request = route.request();
    if (request.method() === "OPTIONS") {
      const allowed = { "access-control-allow-headers": "authorization, content-type, idempotency-key" };
      return route.fulfill({ status: 204, headers: { ...CORS, ...allowed } });
    }
    seen.push(request);
    const answer = answers[Math.min(seen.length, answers.length) - 1] ?? "good";
    if (answer === "never") return;
    if (answer === "lost") return route.abort();
    if (answer === "good" && request.method() === "GET")
      return route.fulfill({ contentType: "image/png", body: PICTURE, headers: CORS });
    if (answer === "good")
      return route.fulfill({
        json: { id: "g1", images: [{ url: new URL("/images/g1/0", request.url()).href }] },
        headers: CORS,
      });
    const { status, retryAfter, message = "No." } = answer;
    const headers = { ...CORS, ...(retryAfter !== undefined && { "retry-after": retryAfter }) };
    return route.fulfill({ status, headers, json: { error: { code: "x", message } } });
  });
  return seen;
}
