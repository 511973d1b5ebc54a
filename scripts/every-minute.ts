const MINUTE_MS = 60_000;
/** An event waits for no picture. */
const PATIENCE_MS = 30_000;

/**
 * Calls `tick` at the start of every minute, with that minute, and returns how to stop it. What goes on longer holds up
 * nothing; a minute that the machine slept through is left out.
 */
export function everyMinute(tick: (minute: Date) => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    const now = Date.now();
    const next = now - (now % MINUTE_MS) + MINUTE_MS;
    timer = setTimeout(() => {
      const late = Date.now();
      // Timers go by another clock than the one on the wall, and may be a little early.
      if (late >= next) tick(new Date(late - (late % MINUTE_MS)));
      wait();
    }, next - now);
  };
  wait();
  return () => clearTimeout(timer);
}

/**
 * Has `send` tell the runtime a minute, and rejects as it does. Of a runtime that does not answer it tells once, until there
 * is an answer again.
 */
export function withPatience(
  send: (minute: Date, signal: AbortSignal) => Promise<void>,
  patienceMs = PATIENCE_MS,
): (minute: Date) => Promise<void> {
  let silent = false;
  return async (minute) => {
    const told = silent;
    const signal = AbortSignal.timeout(patienceMs);
    silent = false;
    await send(minute, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      silent = true;
    });
    if (silent && !told) throw new Error("the runtime does not answer; start it again");
  };
}
