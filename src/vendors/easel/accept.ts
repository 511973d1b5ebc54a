/**
 * Whether an `Accept` header asks for a picture rather than for JSON: of the ranges that either could answer, the one
 * with the highest weight is an image's, or the first of equals. Without any, JSON is meant.
 */
export function prefersPicture(accept: string | null): boolean {
  let best = { picture: false, weight: 0 };
  for (const range of (accept ?? "").toLowerCase().split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
    const picture = type.startsWith("image/");
    if (!picture && !["application/json", "application/*", "*/*"].includes(type)) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    const weight = q === undefined ? 1 : Number(q);
    if (weight > best.weight) best = { picture, weight };
  }
  return best.picture;
}
