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

/** Puts a claim at `key` where there is none, and returns the one that holds. */
export async function claim(bucket: R2Bucket, key: string, offered: Claim): Promise<Held> {
  for (;;) {
    const put = await bucket.put(key, JSON.stringify(offered), { onlyIf: { etagDoesNotMatch: "*" } });
    if (put !== null) return { claim: offered, mine: true, etag: put.etag };
    const object = await bucket.get(key);
    // Let go of between the two: it is free again.
    if (object !== null) return { claim: await object.json<Claim>(), mine: false, etag: object.etag };
  }
}

/** Puts a claim in the place of one that was seen with `etag`; false where somebody was faster. */
export async function takeOver(bucket: R2Bucket, key: string, etag: string, offered: Claim): Promise<boolean> {
  return (await bucket.put(key, JSON.stringify(offered), { onlyIf: { etagMatches: etag } })) !== null;
}

/** Lets go of a claim that led to nothing, so that it can be tried again. */
export async function release(bucket: R2Bucket, key: string): Promise<void> {
  await bucket.delete(key);
}
