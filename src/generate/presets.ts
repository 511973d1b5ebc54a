import type { Env, Config } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { isName } from "../access/names.ts";
import { applyPreset, type Preset } from "../access/presets.ts";
import { getStoredPreset, getCachedPreset } from "../store/presets.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";

type Found = (name: string, env: Pick<Env, "BUCKET">, config: Config) => Promise<Preset | undefined>;

const foundBy =
  (read: typeof getStoredPreset): Found =>
  async (name, { BUCKET }, { presets }) =>
    presets.get(name) ?? (isName(name) ? read(BUCKET, name, Date.now()) : undefined);

/** The preset of a name as it is now: that of the var PRESETS, else the stored one. */
export const presetOf = foundBy(getStoredPreset);

/** The same without a read where one was made half a minute ago. */
export const recalledPreset = foundBy(getCachedPreset);

/** What was asked, with the preset that it names filled in. Throws invalid_request. */
export async function withPreset(asked: ParsedRequest, env: Env, config: Config): Promise<ParsedRequest> {
  if (asked.preset === undefined) return asked;
  const { name, setFields } = asked.preset;
  const preset = await presetOf(name, env, config);
  if (preset === undefined) {
    const message = `preset ${name.slice(0, 64)} is not known here; PUT /v1/presets/{name} or the var PRESETS makes one.`;
    throw new GatewayError("invalid_request", message, { field: "preset" });
  }
  return { ...asked, request: applyPreset(name, preset, asked.request, setFields) };
}
