import type { Page, Request } from "playwright-core";
import { png } from "../sim/index.ts";
import type { PageOptions, Stand } from "./stand.ts";
import type { Visit } from "./visit.ts";

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

/** Opens a page that asks for pictures, and answers it in place of Easel; `seen` is what it asked. */
export async function scripted(
  { open }: Stand,
  body: string,
  answers: Answers,
  options: PageOptions,
): Promise<{ v: Visit; seen: Request[] }> {
  let seen: Request[] = [];
  const before: PageOptions["before"] = async (page) => {
    await options.before?.(page);
    seen = await answer(page, answers);
  };
  const v = await open(body, { ...options, before });
  return { v, seen };
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
