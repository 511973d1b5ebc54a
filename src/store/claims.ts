import { invalidField } from "../errors.ts";
import { sha256Hex } from "./ids.ts";
import { retryOnce, updateObject, type Version } from "./objects.ts";

const HEADER = "Idempotency-Key";
/** Printable ASCII, as the header's draft has it; a quoted key includes its quotes. */
const KEY = /^[\x21-\x7e][\x20-\x7e]{0,254}$/;

/** The R2 key of the claim for a request's Idempotency-Key; undefined without the header. Throws invalid_request. */
export function claimKeyOf(headers: Headers, principal: string): string | undefined {
  const key = headers.get(HEADER)?.trim();
  if (key === undefined) return undefined;
  if (!KEY.test(key)) throw invalidField(HEADER, "must be 1 to 255 printable ASCII characters");
  // Hashed: a client chooses its text and length, which have no place in an R2 key.
  return `claims/idempotency/${principal}/${sha256Hex(key)}`;
}

/** A lock in R2 for a generation that must run once: the first conditional put wins, because R2 is strongly consistent. */
export interface Claim {
  /** The generation that runs. */
  generation: string;
  /** A hash of the request: a claim is never used for another request. */
  fingerprint: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** A claim as R2 has it. */
export interface ClaimState {
  claim: Claim;
  /** True if it is the claim that the caller has just put. */
  isOwner: boolean;
  etag: string;
}

/**
 * Put `candidate` at `key` if there is no claim, and return the claim that holds. The claim is read first, because a
 * conditional put that changes nothing is billed as a write.
 */
export function acquireClaim(bucket: R2Bucket, key: string, candidate: Claim): Promise<ClaimState> {
  return updateObject<Claim | undefined, ClaimState>(
    bucket,
    key,
    { read: () => readVersion(bucket, key) },
    ({ value, etag = "" }, mayBeStored) => {
      if (value === undefined) return { write: candidate, result: owned(candidate) };
      const isOwner = mayBeStored && value.generation === candidate.generation;
      return { keep: { claim: value, isOwner, etag } };
    },
  );
}

/** Put `candidate` in place of the claim that was read with `etag`; false if another request was faster. */
export function replaceClaim(bucket: R2Bucket, key: string, etag: string, candidate: Claim): Promise<boolean> {
  return updateObject<Claim | undefined, boolean>(
    bucket,
    key,
    { read: () => readVersion(bucket, key), seen: { value: undefined, etag } },
    (current, mayBeStored) => {
      if (current.etag === etag) return { write: candidate, result: () => true };
      return { keep: mayBeStored && current.value?.generation === candidate.generation };
    },
  );
}

/** The claim at `key`, if there is one. */
export async function readClaim(bucket: R2Bucket, key: string): Promise<ClaimState | undefined> {
  const { value, etag = "" } = await readVersion(bucket, key);
  return value && { claim: value, isOwner: false, etag };
}

/** Delete a generation's own claim, so that the request can be repeated; the claim of another generation stays. */
export async function releaseClaim(bucket: R2Bucket, key: string, generation: string): Promise<void> {
  const held = await readClaim(bucket, key);
  // The claim may have been put within the last second.
  if (held?.claim.generation === generation) await retryOnce(() => bucket.delete(key));
}

async function readVersion(bucket: R2Bucket, key: string): Promise<Version<Claim | undefined>> {
  const object = await bucket.get(key);
  return { value: await object?.json<Claim>(), etag: object?.etag };
}

const owned =
  (claim: Claim) =>
  ({ etag }: R2Object): ClaimState => ({ claim, isOwner: true, etag });
