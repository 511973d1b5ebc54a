// A Worker around the bundled one (index.js, see bundle.ts) whose bindings fail as `POST /__fault` sets it, and
// whose clock changes as `POST /__clock` sets it.
import type { Env } from "../../../src/env.ts";
import worker from "./index.js";

export * from "./index.js";

/** How calls to a method of a binding fail, from the time when the fault is set. */
export interface Fault {
  /** How many calls fail; all of them by default, none for 0. */
  times?: number;
  /** The message of the error thrown. */
  message?: string;
  /** Delay before the call, in milliseconds; with `times: 0` calls are slow but succeed. */
  delayMs?: number;
  /** Apply only to the first call, which waits until the next fault is set for the method. */
  hold?: boolean;
  /** Make the call, then throw: the store has the write although the caller sees an error. */
  after?: boolean;
  /** Instead of throwing, write only the first `cut` bytes of the body, and report success. */
  cut?: number;
  /** Only calls whose first argument starts with this. */
  prefix?: string;
}

/** A change of the clock that the Worker reads with `Date.now`. Timers, and the times that R2 gives, stay real. */
export interface ClockChange {
  /** Stop the clock, or let it continue from the real time. */
  hold?: boolean;
  /** Turn it forward, in milliseconds. */
  turnMs?: number;
}

type Run = (args: unknown[]) => unknown;

/** The methods that can fail, by binding. */
const METHODS: Record<string, string[]> = {
  KV: ["get", "getWithMetadata", "put", "delete", "list"],
  BUCKET: ["get", "head", "put", "delete", "list", "createMultipartUpload"],
  QUEUE: ["send", "sendBatch"],
};
const UPLOAD_METHODS = ["uploadPart", "complete", "abort"];

/** `BINDING.method` → its fault; `held` once a call is held. */
const faults = new Map<string, Fault & { held?: boolean }>();

const realNow = Date.now;
let stoppedAt: number | undefined;
let turnedMs = 0;
Date.now = () => (stoppedAt ?? realNow()) + turnedMs;

async function callWithFault(name: string, args: unknown[], run: Run): Promise<unknown> {
  const fault = faults.get(name);
  if (fault === undefined || (fault.prefix && !String(args[0]).startsWith(fault.prefix))) return run(args);
  if (fault.delayMs) await scheduler.wait(fault.delayMs);
  if (fault.hold) {
    if (fault.held) return run(args);
    fault.held = true;
    while (faults.get(name) === fault) await scheduler.wait(10);
  }
  if (fault.times !== undefined && fault.times-- <= 0) return run(args);
  if (fault.cut !== undefined) {
    const [key, body, ...rest] = args;
    return run([key, (await new Response(body as BodyInit).arrayBuffer()).slice(0, fault.cut), ...rest]);
  }
  if (fault.after) await run(args);
  throw new Error(fault.message ?? `${name}: We encountered an internal error. Please try again. (10001)`);
}

function wrapBinding<T extends object>(target: T, name: string, methods: string[]): T {
  return new Proxy(target, {
    get(_, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      const call: Run = (args) => Reflect.apply(value, target, args);
      // Synchronous, and no call to R2: only the upload that it returns can fail.
      if (property === "resumeMultipartUpload") return (...args: unknown[]) => wrapUpload(call(args), name);
      if (typeof property === "symbol" || !methods.includes(property)) return value.bind(target) as unknown;
      return async (...args: unknown[]) => {
        const result = await callWithFault(`${name}.${property}`, args, call);
        return property === "createMultipartUpload" ? wrapUpload(result, name) : result;
      };
    },
  });
}

function wrapUpload(upload: unknown, name: string): object {
  return wrapBinding(upload as object, name, UPLOAD_METHODS);
}

let wrapped: { env: Env; faultyEnv: Env } | undefined;
/** The environment with its bindings wrapped; the same object for the same `env`, since src caches by it. */
function faultyEnvOf(env: Env): Env {
  if (wrapped?.env === env) return wrapped.faultyEnv;
  const bindings = Object.entries(env).map(([name, binding]: [string, unknown]) => {
    const methods = METHODS[name];
    return [name, methods === undefined ? binding : wrapBinding(binding as object, name, methods)];
  });
  wrapped = { env, faultyEnv: Object.fromEntries(bindings) as Env };
  return wrapped.faultyEnv;
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/__fault") {
      const { method, ...fault } = await request.json<Fault & { method: string }>();
      faults.set(method, fault);
      return new Response(null, { headers: { "easel-fault": "set" } });
    }
    if (pathname === "/__clock") {
      const { hold, turnMs = 0 } = await request.json<ClockChange>();
      if (hold !== undefined) stoppedAt = hold ? realNow() : undefined;
      turnedMs += turnMs;
      return new Response(null, { headers: { "easel-fault": "set" } });
    }
    return worker.fetch(request, faultyEnvOf(env), ctx);
  },
  scheduled: (event, env, ctx) => worker.scheduled(event, faultyEnvOf(env), ctx),
  queue: (batch, env, ctx) => worker.queue(batch, faultyEnvOf(env), ctx),
} satisfies ExportedHandler<Env>;
