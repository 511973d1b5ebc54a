import { isName } from "../access/names.ts";
import { applyPreset, type Preset } from "../access/presets.ts";
import { GatewayError } from "../errors.ts";
import { getCachedPreset, getStoredPreset } from "../store/presets.ts";
import type { ParsedRequest } from "../vendors/vendor.ts";
import type { Runtime } from "./runtime.ts";

type PresetReader = (name: string, runtime: Pick<Runtime, "env" | "config">) => Promise<Preset | undefined>;

const readerOf =
  (read: typeof getStoredPreset): PresetReader =>
  async (name, { env, config }) =>
    config.presets.get(name) ?? (isName(name) ? read(env.BUCKET, name, Date.now()) : undefined);

/** The preset of a name: of the var PRESETS, else as R2 has it now. */
export const presetOf = readerOf(getStoredPreset);

/** The same, but an R2 preset may be half a minute old: no read on a hot path. */
export const cachedPresetOf = readerOf(getCachedPreset);

/** The request with its preset filled in. Throws invalid_request if there is no such preset. */
export async function fillInPreset(
  parsed: ParsedRequest,
  { name, setFields }: NonNullable<ParsedRequest["preset"]>,
  runtime: Pick<Runtime, "env" | "config">,
): Promise<ParsedRequest> {
  const preset = await presetOf(name, runtime);
  if (preset === undefined) {
    const message = `preset ${name.slice(0, 64)} is not known here; PUT /v1/presets/{name} or the var PRESETS makes one.`;
    throw new GatewayError("invalid_request", message, { field: "preset" });
  }
  return { ...parsed, request: applyPreset(name, preset, parsed.request, setFields) };
}
