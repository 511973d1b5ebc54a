/** How a binding's method fails from now on. */
export interface Fault {
  /** Calls that fail; every one unless told, none for 0. */
  times?: number;
  /** The message of the error thrown. */
  message?: string;
  /** Wait first, in milliseconds; with `times: 0` and no message it only makes slow. */
  delayMs?: number;
  /** Apply only to the first call, which waits until `fault()` is called again for the method. */
  hold?: boolean;
  /** Do it, then throw: the write is lost to the caller but not to the store. */
  after?: boolean;
  /** Instead of throwing, keep only so many bytes of what is written, and report what is kept as done. */
  cut?: number;
  /** Only calls whose first argument starts so. */
  prefix?: string;
}

/** A change of the clock that the Worker reads with `Date.now`. Timers, and the times that R2 gives, stay real. */
export interface ClockChange {
  /** Stop the clock, or let it go on from the real time. */
  hold?: boolean;
  /** Turn it forward, in milliseconds. */
  turnMs?: number;
}

/**
 * A Worker around the bundled one: the same, but its bindings fail as told by `POST /__fault`.
 * Text, because it runs inside workerd beside the bundle.
 */
export const FAULTY = `
import worker from "./index.js";
export * from "./index.js";

const faults = new Map();

const realNow = Date.now;
let held, turned = 0;
Date.now = () => (held ?? realNow()) + turned;

async function disturb(name, args, run) {
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
    const [first, body, ...rest] = args;
    return run([first, (await new Response(body).arrayBuffer()).slice(0, fault.cut), ...rest]);
  }
  if (fault.after) await run(args);
  throw new Error(fault.message ?? name + ": We encountered an internal error. Please try again. (10001)");
}

const METHODS = {
  KV: ["get", "getWithMetadata", "put", "delete", "list"],
  BUCKET: ["get", "head", "put", "delete", "list", "createMultipartUpload"],
  QUEUE: ["send", "sendBatch"],
};

function wrap(target, name, methods) {
  return new Proxy(target, {
    get(_, key) {
      const value = target[key];
      if (typeof value !== "function") return value;
      if (key === "resumeMultipartUpload") return (...args) => upload(target[key](...args), name);
      if (!methods.includes(key)) return value.bind(target);
      return async (...args) => {
        const result = await disturb(name + "." + key, args, (told) => value.apply(target, told));
        return key === "createMultipartUpload" ? upload(result, name) : result;
      };
    },
  });
}

function upload(target, name) {
  return wrap(target, name, ["uploadPart", "complete", "abort"]);
}

let bindings, disturbed;
function faultyEnv(env) {
  if (bindings === env) return disturbed;
  bindings = env;
  disturbed = { ...env };
  for (const [name, methods] of Object.entries(METHODS)) if (env[name]) disturbed[name] = wrap(env[name], name, methods);
  return disturbed;
}

export default {
  async fetch(request, env, ctx) {
    if (new URL(request.url).pathname === "/__fault") {
      const { method, ...fault } = await request.json();
      faults.set(method, fault);
      return new Response(null, { headers: { "easel-fault": "set" } });
    }
    if (new URL(request.url).pathname === "/__clock") {
      const { hold, turnMs = 0 } = await request.json();
      if (hold !== undefined) held = hold ? realNow() : undefined;
      turned += turnMs;
      return new Response(null, { headers: { "easel-fault": "set" } });
    }
    return worker.fetch(request, faultyEnv(env), ctx);
  },
  scheduled: (event, env, ctx) => worker.scheduled(event, faultyEnv(env), ctx),
  queue: (batch, env, ctx) => worker.queue(batch, faultyEnv(env), ctx),
};
`;
