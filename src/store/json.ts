/** Writes an object as JSON; null where the condition in `options` was not met. */
export function putJson(
  bucket: R2Bucket,
  key: string,
  value: object,
  options: R2PutOptions = {},
): Promise<R2Object | null> {
  return bucket.put(key, JSON.stringify(value), { ...options, httpMetadata: { contentType: "application/json" } });
}
