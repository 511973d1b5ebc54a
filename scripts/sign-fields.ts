// Checks of a signed URL before its first view.
import { type Env, configOf } from "../src/env.ts";
import { GatewayError } from "../src/errors.ts";
import { parseRatio } from "../src/image/size.ts";
import { applyPreset, type Preset, parsePresetQuery } from "../src/access/presets.ts";
import { fail } from "./fail.ts";

/**
 * End the command if the gateway would reject the URL in any case. Only the presets of the vars are checked: others are in a
 * bucket. `isHere` is true if these vars are the gateway's.
 */
export async function checkFields(preset: string, fields: Record<string, string>, isLocal: boolean): Promise<void> {
  try {
    const { request, given } = parsePresetQuery(fields);
    const { aspectRatio } = request;
    if (aspectRatio !== undefined && parseRatio(aspectRatio) === undefined)
      fail("--aspectRatio must be W:H, as in 16:9.");
    if (!isLocal) return;
    const definition = (await presetsOfVars()).get(preset);
    if (definition !== undefined) applyPreset(preset, definition, request, given);
    else console.error(`${preset} is not in PRESETS: unless PUT /v1/presets/${preset} made it, its URL is a 404.`);
  } catch (error) {
    const { message } = error as Error;
    fail(error instanceof GatewayError ? `--${message}` : message);
  }
}

/** The var PRESETS as `npm start` reads it: from .dev.vars, else from wrangler.toml. */
async function presetsOfVars(): Promise<ReadonlyMap<string, Preset>> {
  // Imported late, because wrangler loads slowly; only wrangler knows how its files combine.
  const { unstable_getVarsForDev: varsForDev, unstable_readConfig: readConfig } = await import("wrangler");
  const { vars } = readConfig({ config: "wrangler.toml" }, { hideWarnings: true });
  const { PRESETS, LIMITS } = varsForDev("wrangler.toml", undefined, vars, undefined, true);
  return configOf({ PRESETS: PRESETS?.value, LIMITS: LIMITS?.value } as unknown as Env).presets;
}
