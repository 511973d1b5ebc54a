import { serve } from "./server.ts";
import type { Sim } from "./server.ts";
import { deliver } from "./deliver.ts";
import type { Delivery } from "./deliver.ts";

/** What a stranger answers; a short text with 200 unless told. */
export interface StrangerBehaviour extends Delivery {
  body?: Buffer | string;
  type?: string;
}

export interface Stranger extends Sim<StrangerBehaviour> {
  /** Whether a header or a path of any request had `secret` in it. */
  got(secret: string): boolean;
}

/** A host that is no vendor (127.0.0.2): where redirects lead, and where no key may ever arrive. */
export async function startStranger(): Promise<Stranger> {
  const sim = await serve<StrangerBehaviour>(async ({ response, seen, behaviour }) => {
    const how = behaviour();
    const body = Buffer.from(how.body ?? "I am nobody.");
    await deliver(response, body, how.type ?? "text/plain", how, (so) => Object.assign(seen, so));
  }, "127.0.0.2");
  return {
    ...sim,
    got: (secret) => sim.seen.some((seen) => JSON.stringify([seen.headers, seen.path]).includes(secret)),
  };
}
