import { createHash } from "node:crypto";
import { invalidField } from "../errors.ts";
import { WRITE_RETRY_MS, retryOnce } from "./objects.ts";

const HEADER = "Idempotency-Key";
/** Printable ASCII, as the header's draft has it; a quoted one is the same with its quotes. */
const KEY = /^[\x21-\x7e][\x20-\x7e]{0,254}$/;

/** The R2 key of the claim that a request's Idempotency-Key stands for; undefined without one. Throws invalid_request. */
export function claimKeyOf(headers: Headers, principal: string): string | undefined {
  const key = headers.get(HEADER)?.trim();
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw invalidField(HEADER, "must be 1 to 255 printable ASCII characters");
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

export interface ClaimState {
  claim: Claim;
  /** Whether it is the one that was offered. */
  isOwner: boolean;
  etag: string;
}

const TRIES = 3;

/**
 * Puts a claim at `key` where there is none, and returns the one that holds. It is read first: a write that changes
 * nothing would be a write all the same.
 */
export async function acquireClaim(bucket: R2Bucket, key: string, offered: Claim): Promise<ClaimState> {
  const before = await readClaim(bucket, key);
  if (before !== undefined) return before;
  for (let tries = 1, failed = false; ; tries++) {
    const body = JSON.stringify(offered);
    const put = await bucket.put(key, body, { onlyIf: { etagDoesNotMatch: "*" } }).catch((error: unknown) => {
      if (tries === TRIES) throw error;
      failed = true;
    });
    if (put) return { claim: offered, isOwner: true, etag: put.etag };
    const held = await readClaim(bucket, key);
    // A put that R2 said had failed may be there all the same.
    if (held !== undefined) return { ...held, isOwner: failed && held.claim.generation === offered.generation };
    // Refused, as some are of many who come at once; or let go of between the two.
    await scheduler.wait(WRITE_RETRY_MS * (0.5 + Math.random() / 2));
  }
}

/** The claim of somebody else at `key`, if there is one. */
export async function readClaim(bucket: R2Bucket, key: string): Promise<ClaimState | undefined> {
  const object = await bucket.get(key);
  return object === null ? undefined : { claim: await object.json<Claim>(), isOwner: false, etag: object.etag };
}

/** Puts a claim in the place of one that was seen with `etag`; false where somebody was faster. */
export async function replaceClaim(bucket: R2Bucket, key: string, etag: string, offered: Claim): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      const put = await bucket.put(key, JSON.stringify(offered), { onlyIf: { etagMatches: etag } });
      // It may be our own, by a put that R2 said had failed.
      return put !== null || (tries > 1 && (await readClaim(bucket, key))?.claim.generation === offered.generation);
    } catch (error) {
      if (tries === TRIES) throw error;
      await scheduler.wait(WRITE_RETRY_MS * (0.5 + Math.random() / 2));
    }
  }
}

/** Lets go of a generation's claim that led to nothing, so that it can be tried again; of nobody else's. */
export async function releaseClaim(bucket: R2Bucket, key: string, generation: string): Promise<void> {
  const held = await readClaim(bucket, key);
  // It may have been put within the second.
  if (held?.claim.generation === generation) await retryOnce(() => bucket.delete(key));
}
