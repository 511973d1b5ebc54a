import type { Env, Settings } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { isName } from "../access/names.ts";
import { applyPreset, type Preset } from "../access/presets.ts";
import { readPreset, recallPreset } from "../store/presets.ts";
import type { Asked } from "../vendors/vendor.ts";

type Found = (name: string, env: Pick<Env, "BUCKET">, settings: Settings) => Promise<Preset | undefined>;

const foundBy =
  (read: typeof readPreset): Found =>
  async (name, { BUCKET }, { presets }) =>
    presets.get(name) ?? (isName(name) ? read(BUCKET, name, Date.now()) : undefined);

/** The preset of a name as it is now: that of the var PRESETS, else the stored one. */
export const presetOf = foundBy(readPreset);

/** The same without a read where one was made half a minute ago. */
export const recalledPreset = foundBy(recallPreset);

/** What was asked, with the preset that it names filled in. Throws invalid_request. */
export async function withPreset(asked: Asked, env: Env, settings: Settings): Promise<Asked> {
  if (asked.preset === undefined) return asked;
  const { name, given } = asked.preset;
  const preset = await presetOf(name, env, settings);
  if (preset === undefined) {
    const message = `preset ${name.slice(0, 64)} is not known here; PUT /v1/presets/{name} or the var PRESETS makes one.`;
    throw new GatewayError("invalid_request", message, { field: "preset" });
  }
  return { ...asked, request: applyPreset(name, preset, asked.request, given) };
}
