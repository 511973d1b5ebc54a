import { wrong } from "../errors.ts";
import { type ImageRequest, referencesOf, type StoredPicture } from "../image/request.ts";
import { hoistedMark } from "../image/wire.ts";
import type { Limits } from "../policy/limits.ts";

/** Throws invalid_request for what is over a limit of ours. */
export function check(request: ImageRequest, pictures: readonly StoredPicture[], limits: Limits): void {
  const { prompt, n, turns = [] } = request;
  const said = [prompt, ...turns.map(({ text = "" }) => text)];
  // A picture in it was lifted out, and what stands in its place means nothing to a vendor.
  if (pictures.some((_, index) => said.some((text) => text.includes(hoistedMark(index)))))
    throw wrong("prompt", "must be text, without pictures");
  const chars = said.reduce((sum, text) => sum + text.length, 0);
  if (chars > limits.promptChars) throw wrong("prompt", `must have at most ${limits.promptChars} characters`);
  if (n > limits.pictures) throw wrong("n", `must be at most ${limits.pictures}`);
  if (referencesOf(request).length > limits.references)
    throw wrong("references", `must be at most ${limits.references} pictures`);
}
