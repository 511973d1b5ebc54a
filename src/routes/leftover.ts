import type { Next } from "hono";
import type { AppContext } from "./context.ts";

/** Most that is read of a body nobody wanted, and for how long. */
const BYTES = 64 * 1024;
const MS = 1_000;

/**
 * Takes in a small body that was answered unread (a wrong key, an unknown path): a client that is still writing when the
 * answer comes would see a broken connection in its place. A large one stays unread, for the sake of the same client.
 */
export async function takeLeftover(c: AppContext, next: Next): Promise<void> {
  await next();
  const { body, bodyUsed, headers } = c.req.raw;
  if (body === null || bodyUsed || Number(headers.get("content-length") ?? 0) > BYTES) return;
  const reader = body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => undefined), MS);
  try {
    for (let bytes = 0; bytes < BYTES;) {
      const { done, value } = await reader.read();
      if (done) return;
      bytes += (value as Uint8Array).length;
    }
    await reader.cancel();
  } catch {
    // The client left: nobody reads the answer either.
  } finally {
    clearTimeout(timer);
  }
}
