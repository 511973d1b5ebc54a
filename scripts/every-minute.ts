const MINUTE_MS = 60_000;

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
