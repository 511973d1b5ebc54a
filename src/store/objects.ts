/** R2 and KV accept one write a second per key: a refused write is retried after this. */
const WRITE_RETRY_MS = 1_100;

/** How often `updateObject` writes before it throws: while other writers are faster, and while R2 fails. */
const MAX_CONFLICTS = 100;
const MAX_ERRORS = 3;

/** Wait until all have settled, then return their results or throw the first error: work that still ran could undo a clean-up. */
export async function settleAll<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Run a write, and once more if it is refused. Throws the second error. */
export async function retryOnce<T>(write: () => Promise<T>): Promise<T> {
  return write().catch(async () => {
    await scheduler.wait(WRITE_RETRY_MS);
    return write();
  });
}

/** The content type of JSON objects; claims and counters have none. */
export const JSON_TYPE = { httpMetadata: { contentType: "application/json" } };

/** Write an object as JSON; null if the condition in `options` is not met. */
export function putJson(
  bucket: R2Bucket,
  key: string,
  value: object,
  options: R2PutOptions = {},
): Promise<R2Object | null> {
  return bucket.put(key, JSON.stringify(value), { ...options, ...JSON_TYPE });
}

/** An object as it was read: its value, and the ETag that a conditional write needs; undefined if there is no object. */
export interface Version<T> {
  value: T;
  etag: string | undefined;
}

/** A step of `updateObject`: keep the object and return a result, or write a value and make the result of the stored object. */
export type Change<R> = { keep: R } | { write: object; options?: R2PutOptions; result: (stored: R2Object) => R };

export interface UpdateOptions<T> {
  /** Read the current version. */
  read(): Promise<Version<T>>;
  /** A version that the caller has read already: saves the first read. */
  seen?: Version<T>;
  maxConflicts?: number;
  maxErrors?: number;
}

/**
 * Update an object by compare-and-swap: read it, let `change` decide, write if it is unchanged, else start again.
 * `mayBeStored` is true after a write that failed: R2 may have stored it anyway. Throws R2's error after `maxErrors` failed
 * writes, and ConflictError after `maxConflicts` writes that came second.
 */
export async function updateObject<T, R>(
  bucket: R2Bucket,
  key: string,
  { read, seen, maxConflicts = MAX_CONFLICTS, maxErrors = MAX_ERRORS }: UpdateOptions<T>,
  change: (current: Version<T>, mayBeStored: boolean) => Change<R> | Promise<Change<R>>,
): Promise<R> {
  let errors = 0;
  let wasRefused = false;
  let current = seen ?? (await read());
  for (let conflicts = 0; conflicts < maxConflicts;) {
    const step = await change(current, errors > 0);
    if ("keep" in step) return step.keep;
    const onlyIf = current.etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: current.etag };
    // Writers that were refused together must not return together.
    if (wasRefused) await scheduler.wait(WRITE_RETRY_MS * (0.5 + Math.random() / 2));
    wasRefused = false;
    try {
      const stored = await bucket.put(key, JSON.stringify(step.write), { ...step.options, onlyIf });
      if (stored !== null) return step.result(stored);
      conflicts++;
    } catch (error) {
      if (++errors >= maxErrors) throw error;
      wasRefused = true;
    }
    current = await read();
  }
  throw new ConflictError(key);
}

/** Thrown when other writers were faster each time. */
export class ConflictError extends Error {
  constructor(key: string) {
    super(`${key} was changed by other writers each time`);
    this.name = "ConflictError";
  }
}

/** Yield all objects whose keys begin with `prefix`, by key, in pages of up to a thousand. */
export async function* pagesOf(
  bucket: R2Bucket,
  options: Required<Pick<R2ListOptions, "prefix">> & Pick<R2ListOptions, "include">,
): AsyncGenerator<R2Object[]> {
  let cursor: string | undefined;
  do {
    const page = await bucket.list({ ...options, ...(cursor !== undefined && { cursor }) });
    yield page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
}
