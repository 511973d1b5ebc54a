import { endKey } from "./records.ts";

/** Between two looks: longer each time. */
const POLL_MS = { first: 250, longest: 1_000, growth: 1.5 };

/** Waits until a generation has ended, `ms` at most. */
export async function waitForEnd(bucket: R2Bucket, id: string, ms: number): Promise<void> {
  const until = Date.now() + ms;
  for (let pauseMs = POLL_MS.first; ; pauseMs = Math.min(POLL_MS.longest, pauseMs * POLL_MS.growth)) {
    const left = until - Date.now();
    if (left <= 0 || (await bucket.head(endKey(id))) !== null) return;
    await scheduler.wait(Math.min(pauseMs, left));
  }
}
