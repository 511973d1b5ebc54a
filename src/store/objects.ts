/** R2 and KV take one write a second per key: what was refused is tried again after this. */
export const WRITE_RETRY_MS = 1_100;

/** The results of all, once all have ended: what still runs could undo what is done about one that failed. */
export async function settleAll<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Does a write, once more where it is refused. Throws what the second one does. */
export async function retryOnce<T>(write: () => Promise<T>): Promise<T> {
  return write().catch(async () => {
    await scheduler.wait(WRITE_RETRY_MS);
    return write();
  });
}

/** Writes an object as JSON; null where the condition in `options` was not met. */
export function putJson(
  bucket: R2Bucket,
  key: string,
  value: object,
  options: R2PutOptions = {},
): Promise<R2Object | null> {
  return bucket.put(key, JSON.stringify(value), { ...options, httpMetadata: { contentType: "application/json" } });
}

/** All objects whose keys begin with `prefix`, by key, a page of up to a thousand at a time. */
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
