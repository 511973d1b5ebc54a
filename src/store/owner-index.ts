import { invalidField } from "../errors.ts";
import { retryOnce } from "./objects.ts";
import { isId } from "./ids.ts";
import { readRecord, type StoredRecord } from "./records.ts";

type OwnedGeneration = Pick<StoredRecord, "id" | "principal">;

/** The index of generations by owner, for lists: records are stored by id only, because a URL contains nothing else. */
const indexPrefix = (principal: string) => `owned/${principal}/`;
const indexKey = ({ id, principal }: OwnedGeneration) => indexPrefix(principal) + id;

/** Add a generation to its owner's index. */
export async function addToOwnerIndex(bucket: R2Bucket, owned: OwnedGeneration): Promise<void> {
  await retryOnce(() => bucket.put(indexKey(owned), ""));
}

export async function removeFromOwnerIndex(bucket: R2Bucket, owned: OwnedGeneration): Promise<void> {
  await bucket.delete(indexKey(owned));
}

/**
 * List up to `limit` records of a principal, newest first. `cursor` is the id after which the page starts. Throws
 * invalid_request if it is no id.
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
  // A null is a generation whose record is not written yet, or is deleted.
  return { records: records.filter((record) => record !== null), cursor: truncated ? ids.at(-1) : undefined };
}
