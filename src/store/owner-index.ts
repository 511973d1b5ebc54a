import { invalidField } from "../errors.ts";
import { retryOnce } from "./objects.ts";
import { isId } from "./ids.ts";
import { readRecord, type StoredRecord } from "./records.ts";

type OwnedGeneration = Pick<StoredRecord, "id" | "principal">;

/** Whose generations are, for lists: their records are kept by id, which is all that a URL has. */
const indexPrefix = (principal: string) => `owned/${principal}/`;
const indexKey = ({ id, principal }: OwnedGeneration) => indexPrefix(principal) + id;

/** Notes whose a generation is. */
export async function addToOwnerIndex(bucket: R2Bucket, owned: OwnedGeneration): Promise<void> {
  await retryOnce(() => bucket.put(indexKey(owned), ""));
}

export async function removeFromOwnerIndex(bucket: R2Bucket, owned: OwnedGeneration): Promise<void> {
  await bucket.delete(indexKey(owned));
}

/**
 * Up to `limit` records of a principal, newest first; `cursor` is the id after which to go on, one of its own. Throws
 * invalid_request if it is none.
 */
export async function listRecords(
  bucket: R2Bucket,
  principal: string,
  limit: number,
  cursor?: string,
): Promise<{ records: StoredRecord[]; cursor: string | undefined }> {
  if (cursor !== undefined && !isId(cursor)) throw invalidField("cursor", "must be the `next` of an earlier page");
  const after = cursor === undefined ? {} : { startAfter: indexPrefix(principal) + cursor };
  const { objects, truncated } = await bucket.list({ prefix: indexPrefix(principal), limit, ...after });
  const ids = objects.map(({ key }) => key.slice(indexPrefix(principal).length));
  const records = await Promise.all(ids.map((id) => readRecord(bucket, id)));
  // One that is not noted yet, or any more.
  return { records: records.filter((record) => record !== null), cursor: truncated ? ids.at(-1) : undefined };
}
