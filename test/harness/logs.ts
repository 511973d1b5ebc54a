export interface LogLine {
  /** As of console (`log`, `warn`, `error` …); `uncaught` for what nobody caught, waitUntil included; `runtime` for workerd's own. */
  level: string;
  message: string;
}

const UNCAUGHT = /^uncaught exception; source = [^;]*; stack = /;
// A connection that breaks is told as uncaught even where the Worker caught it, so it counts as workerd's own.
const LOST = /; stack = Error: Network connection lost\.$/;
const RUNTIME = /^(uncaught exception; |Uncaught exception: |exception = |workerd\/|kj\/)/;

/** Tells what the Worker said from what workerd says of it: workerd gives both the same levels. */
export function logLine({ level, message }: LogLine): LogLine {
  if (UNCAUGHT.test(message) && !LOST.test(message))
    return { level: "uncaught", message: message.replace(UNCAUGHT, "") };
  return { level: RUNTIME.test(message) ? "runtime" : level, message };
}
