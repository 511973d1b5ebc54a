/** R2 and KV take one write a second per key: what was refused is tried again after this. */
export const AGAIN_MS = 1_100;

/** The results of all, once all have ended: what still runs could undo what is done about one that failed. */
export async function all<T extends readonly unknown[]>(work: T): Promise<{ -readonly [P in keyof T]: Awaited<T[P]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** Does a write, once more where it is refused. Throws what the second one does. */
export async function twice<T>(write: () => Promise<T>): Promise<T> {
  return write().catch(async () => {
    await scheduler.wait(AGAIN_MS);
    return write();
  });
}
