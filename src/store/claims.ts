import { createHash } from "node:crypto";
import { wrong } from "../errors.ts";
import { AGAIN_MS, twice } from "./objects.ts";

const HEADER = "Idempotency-Key";
/** Printable ASCII, as the header's draft has it; a quoted one is the same with its quotes. */
const KEY = /^[\x21-\x7e][\x20-\x7e]{0,254}$/;

/** The R2 key of the claim that a request's Idempotency-Key stands for; undefined without one. Throws invalid_request. */
export function claimKeyOf(headers: Headers, principal: string): string | undefined {
  const key = headers.get(HEADER)?.trim();
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw wrong(HEADER, "must be 1 to 255 printable ASCII characters");
  // A caller's own word, of any length and meaning, has no place in a key of ours.
  return `claims/idempotency/${principal}/${createHash("sha256").update(key).digest("hex")}`;
}

/** Who draws something that must be drawn once: the first who asked, in R2, which is strongly consistent. */
export interface Claim {
  /** The generation that draws it. */
  generation: string;
  /** What was asked, as a hash: the same claim never stands for something else. */
  fingerprint: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface Held {
  claim: Claim;
  /** Whether it is the one that was offered. */
  mine: boolean;
  etag: string;
}

const TRIES = 3;

/**
 * Puts a claim at `key` where there is none, and returns the one that holds. It is read first: a write that changes
 * nothing would be a write all the same.
 */
export async function claim(bucket: R2Bucket, key: string, offered: Claim): Promise<Held> {
  const before = await find(bucket, key);
  if (before !== undefined) return before;
  for (let tries = 1, failed = false; ; tries++) {
    const body = JSON.stringify(offered);
    const put = await bucket.put(key, body, { onlyIf: { etagDoesNotMatch: "*" } }).catch((error: unknown) => {
      if (tries === TRIES) throw error;
      failed = true;
    });
    if (put) return { claim: offered, mine: true, etag: put.etag };
    const held = await find(bucket, key);
    // A put that R2 said had failed may be there all the same.
    if (held !== undefined) return { ...held, mine: failed && held.claim.generation === offered.generation };
    // Refused, as some are of many who come at once; or let go of between the two.
    await scheduler.wait(AGAIN_MS * (0.5 + Math.random() / 2));
  }
}

/** The claim of somebody else at `key`, if there is one. */
export async function find(bucket: R2Bucket, key: string): Promise<Held | undefined> {
  const object = await bucket.get(key);
  return object === null ? undefined : { claim: await object.json<Claim>(), mine: false, etag: object.etag };
}

/** Puts a claim in the place of one that was seen with `etag`; false where somebody was faster. */
export async function takeOver(bucket: R2Bucket, key: string, etag: string, offered: Claim): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      const put = await bucket.put(key, JSON.stringify(offered), { onlyIf: { etagMatches: etag } });
      // It may be our own, by a put that R2 said had failed.
      return put !== null || (tries > 1 && (await find(bucket, key))?.claim.generation === offered.generation);
    } catch (error) {
      if (tries === TRIES) throw error;
      await scheduler.wait(AGAIN_MS * (0.5 + Math.random() / 2));
    }
  }
}

/** Lets go of a generation's claim that led to nothing, so that it can be tried again; of nobody else's. */
export async function release(bucket: R2Bucket, key: string, generation: string): Promise<void> {
  const held = await find(bucket, key);
  // It may have been put within the second.
  if (held?.claim.generation === generation) await twice(() => bucket.delete(key));
}
