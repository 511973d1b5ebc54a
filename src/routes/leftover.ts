import type { Next } from "hono";
import type { AppContext } from "./context.ts";

/** How long a body that is not wanted is still taken in. */
const MS = 2_000;

/**
 * Takes in what is left of a body that was refused (a wrong key, a limit, an unknown path) before it is answered: a client,
 * or a proxy before us, that is still writing would see a broken connection in place of the answer.
 */
export async function takeLeftover(c: AppContext, next: Next): Promise<void> {
  await next();
  const { body } = c.req.raw;
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), MS);
  try {
    while (!(await reader.read()).done);
  } catch {
    // The client left: nobody reads the answer either.
  } finally {
    clearTimeout(timer);
  }
}
