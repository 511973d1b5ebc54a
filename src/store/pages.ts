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
