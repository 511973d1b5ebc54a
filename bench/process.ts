import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** CPU seconds of a process up to now; `user` separately only on systems that report it. */
export interface Cpu {
  total: number;
  user: number | undefined;
}

const LINUX = process.platform === "linux";
/** Clock ticks per second in /proc: 100 on every architecture that Node supports. */
const TICKS_PER_SECOND = 100;

export const MEMORY = LINUX ? "RssAnon of /proc/<pid>/status" : "rss of ps";

export function cpuOf(pid: number): Cpu {
  if (!LINUX) return { total: parseCpuTime(ps(pid, "time")), user: undefined };
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const user = Number(fields[11]) / TICKS_PER_SECOND;
  return { total: user + Number(fields[12]) / TICKS_PER_SECOND, user };
}

/** Seconds in which a process's threads were ready but had no core; 0 on systems that do not report it. */
export function coreWaitOf(pid: number): number {
  if (!LINUX) return 0;
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce(
    (sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[1]) / 1e9,
    0,
  );
}

/** Bytes in memory now: anonymous memory if the system reports it, else all. */
export function memoryOf(pid: number): number {
  if (!LINUX) return Number(ps(pid, "rss")) * 1024;
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** Watch a process's memory until `stop()`; `peak` is in bytes. */
export function watchMemory(pid: number): { peak(): number; stop(): void } {
  let peak = 0;
  const sample = () => {
    peak = Math.max(peak, memoryOf(pid));
  };
  // Starting a process for each sample is too expensive for every 5 ms.
  const timer = setInterval(sample, LINUX ? 5 : 100);
  return {
    peak() {
      sample();
      return peak;
    },
    stop: () => clearInterval(timer),
  };
}

function ps(pid: number, column: string): string {
  return execFileSync("ps", ["-o", `${column}=`, "-p", String(pid)], { encoding: "utf8" }).trim();
}

/** `[[hours:]minutes:]seconds.hundredths`, as ps writes it. */
function parseCpuTime(time: string): number {
  return time.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
