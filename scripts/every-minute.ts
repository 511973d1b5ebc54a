const MINUTE_MS = 60_000;
/** A cron event does not wait for pictures, so its answer comes at once. */
const TIMEOUT_MS = 30_000;

/**
 * Call `tick` at the start of every minute, with that minute; returns a function that stops it. A slow tick does not delay
 * the next one, and a minute in which the machine slept is skipped.
 */
export function everyMinute(tick: (minute: Date) => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const scheduleNext = () => {
    const now = Date.now();
    const next = now - (now % MINUTE_MS) + MINUTE_MS;
    timer = setTimeout(() => {
      const firedAt = Date.now();
      // Timers use another clock than Date, and may fire a little early.
      if (firedAt >= next) tick(new Date(firedAt - (firedAt % MINUTE_MS)));
      scheduleNext();
    }, next - now);
  };
  scheduleNext();
  return () => clearTimeout(timer);
}

/**
 * Send a minute to the runtime with `send`, and reject as it does. A runtime that does not answer is reported once, until it
 * answers again.
 */
export function withTimeout(
  send: (minute: Date, signal: AbortSignal) => Promise<void>,
  timeoutMs = TIMEOUT_MS,
): (minute: Date) => Promise<void> {
  let silent = false;
  return async (minute) => {
    const alreadyReported = silent;
    const signal = AbortSignal.timeout(timeoutMs);
    silent = false;
    await send(minute, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      silent = true;
    });
    if (silent && !alreadyReported) throw new Error("the runtime does not answer; start it again");
  };
}
