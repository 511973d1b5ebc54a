/** R2 and KV take one write a second per key: what was refused is tried again after this. */
export const AGAIN_MS = 1_100;

/** Does a write, once more where it is refused. Throws what the second one does. */
export async function twice<T>(write: () => Promise<T>): Promise<T> {
  return write().catch(async () => {
    await scheduler.wait(AGAIN_MS);
    return write();
  });
}
