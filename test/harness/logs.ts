export interface LogLine {
  /**
   * A level of console (`log`, `warn`, `error` …), `uncaught` for an error that the Worker did not catch (under waitUntil
   * too), or `runtime` for a message of workerd itself.
   */
  level: string;
  message: string;
}

const UNCAUGHT = /^uncaught exception; source = [^;]*; stack = /;
// workerd reports a broken connection as uncaught even if the Worker caught the error, so it counts as workerd's own message.
const LOST = /; stack = Error: Network connection lost\.$/;
const RUNTIME = /^(uncaught exception; |Uncaught exception: |exception = |workerd\/|kj\/)/;

/** Separate the messages of the Worker from those of workerd, which gives both the same levels. */
export function logLine({ level, message }: LogLine): LogLine {
  if (UNCAUGHT.test(message) && !LOST.test(message))
    return { level: "uncaught", message: message.replace(UNCAUGHT, "") };
  return { level: RUNTIME.test(message) ? "runtime" : level, message };
}
