import type { Settings } from "../env.ts";
import type { Principal } from "../policy/credentials.ts";
import { permit } from "../policy/permit.ts";
import type { Asked } from "../vendors/vendor.ts";
import { registryOf } from "./registry.ts";

/** What was asked, as its key may ask it: no larger than that key's size, whoever draws it. Throws forbidden. */
export function permitted({ key }: Principal, asked: Asked, config: Settings): Asked {
  if (key === undefined) return asked;
  const { size, ...unsized } = asked.request;
  // A size that the dialect's document fills in was nobody's wish.
  const wished = size === undefined || asked.assumed?.includes("size") ? unsized : asked.request;
  const { canonical, entryOf } = registryOf(config);
  const slash = wished.model.indexOf("/");
  const vendor = slash < 0 ? undefined : wished.model.slice(0, slash);
  const said = wished.model.slice(slash + 1);
  const name = canonical(said) ?? said;
  permit(key, wished, { model: { name, vendor }, pixels: entryOf(name).pixels, preset: asked.preset?.name });
  return { ...asked, most: key.size };
}
