import { fork } from "node:child_process";
import { join } from "node:path";
import type { Cell } from "./cells.ts";
import { runLoad } from "./client.ts";
import { coreWaitOf, cpuOf, memoryOf, watchMemory } from "./process.ts";
import { startWorkerd } from "./workerd.ts";

/** The figures of one run of a cell. */
export interface Figures {
  /** Megabytes of base64 per second, and requests per second. */
  megabytes: number;
  requests: number;
  /** CPU of the whole workerd process, in ms per MB and per request. */
  cpuPerMegabyte: number;
  userPerMegabyte: number | undefined;
  cpuPerRequest: number;
  /** Peak above idle, in MiB. */
  memory: number;
  /** Shares of the time in which workerd ran, and waited for a core; their sum is 1 if workerd was the limit. */
  busy: number;
  waited: number;
}

export interface MeasureOptions {
  folder: string;
  bucket: number;
  /** The shortest run of a cell. */
  cellMs: number;
}

/** Run a cell in a fresh workerd. */
export async function measure(cell: Cell, { folder, bucket, cellMs }: MeasureOptions): Promise<Figures> {
  const workerd = await startWorkerd({ folder, vars: cell.vars, bucket });
  const { port, pid } = workerd;
  const idle = memoryOf(pid);
  const memory = watchMemory(pid);
  try {
    await runLoad(port, cell.request, cell.clients, cellMs / 5, cell.expected);
    const before = cpuOf(pid);
    const waited = coreWaitOf(pid);
    const { requests, seconds } = await runLoad(port, cell.request, cell.clients, cellMs, cell.expected);
    const after = cpuOf(pid);
    const megabytes = (requests * cell.base64Chars) / 1e6;
    const cpuMs = (after.total - before.total) * 1000;
    const userMs = after.user === undefined ? undefined : (after.user - (before.user ?? 0)) * 1000;
    return {
      megabytes: megabytes / seconds,
      requests: requests / seconds,
      cpuPerMegabyte: cpuMs / megabytes,
      userPerMegabyte: userMs === undefined ? undefined : userMs / megabytes,
      cpuPerRequest: cpuMs / requests,
      memory: (memory.peak() - idle) / 2 ** 20,
      busy: cpuMs / 1000 / seconds,
      waited: (coreWaitOf(pid) - waited) / seconds,
    };
  } finally {
    memory.stop();
    await workerd.stop();
  }
}

/** Milliseconds from starting workerd with a script to its first answer. */
export async function measureStartUp(script: string, folder: string, bucket: number): Promise<number> {
  const request = Buffer.from("GET /healthz HTTP/1.1\r\nhost: easel.test\r\n\r\n");
  const startedAt = performance.now();
  const workerd = await startWorkerd({ folder, script, vars: { ADMIN_TOKEN: "admin" }, bucket });
  try {
    await runLoad(workerd.port, request, 1, 0, 11);
    return performance.now() - startedAt;
  } finally {
    await workerd.stop();
  }
}

export interface ChildServer {
  port: number;
  stop(): void;
}

/** Start upstream.ts or bucket.ts as a separate process, which ends with this one. */
export function startProcess(file: string): Promise<ChildServer> {
  const child = fork(join(import.meta.dirname, file));
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${file} ended with ${code}`)));
    child.once("message", (message) => resolve({ port: (message as { port: number }).port, stop: () => child.kill() }));
  });
}
