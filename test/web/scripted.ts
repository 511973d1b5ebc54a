import type { Page, Request } from "playwright-core";
import { png } from "../sim/index.ts";

export interface Refusal {
  status: number;
  retryAfter?: string;
  message?: string;
}

/** How one request is answered: well, never, by a broken connection, or so. */
export type Answer = "good" | "never" | "lost" | Refusal;

const PICTURE = png({ width: 64, height: 36 }).bytes;
const CORS = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };

/**
 * Stands in for Easel where a page asks for pictures: gives the answers in order, and the last of them ever after. Returns the
 * requests that it saw; what is asked for a picture that was drawn (`/images/…`) is always answered and not among them.
 */
export async function scripted(page: Page, ...answers: [Answer, ...Answer[]]): Promise<Request[]> {
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
