import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";

/** A stranger's response; by default a short text with 200. */
export interface StrangerBehaviour extends Delivery {
  body?: Buffer | string;
  type?: string;
}

export interface Stranger extends Sim<StrangerBehaviour> {
  /** Check whether `secret` was in a header or in the path of any request. */
  got(secret: string): boolean;
}

/** Start a host that is not a vendor (127.0.0.2): redirects lead there, and no key may ever be sent to it. */
export async function startStranger(): Promise<Stranger> {
  const sim = await serve<StrangerBehaviour>(async ({ response, seen, behaviour }) => {
    const how = behaviour();
    const body = Buffer.from(how.body ?? "I am nobody.");
    await deliver(response, body, how.type ?? "text/plain", how, (progress) => Object.assign(seen, progress));
  }, "127.0.0.2");
  return {
    ...sim,
    got: (secret) => sim.seen.some((seen) => JSON.stringify([seen.headers, seen.path]).includes(secret)),
  };
}
