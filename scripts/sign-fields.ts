// What can be known of a signed URL before anybody views it.
import { type Env, configOf } from "../src/env.ts";
import { GatewayError } from "../src/errors.ts";
import { parseRatio } from "../src/image/size.ts";
import { applyPreset, type Preset, parsePresetQuery } from "../src/access/presets.ts";
import { fail } from "./fail.ts";

/**
 * Ends the command where the URL could only ever be refused. The presets looked at are those of the vars: others are in a
 * bucket, and `isHere` says whether the gateway is the one that these vars are for.
 */
export async function checkFields(preset: string, fields: Record<string, string>, isHere: boolean): Promise<void> {
  try {
    const { request, given } = parsePresetQuery(fields);
    const { aspectRatio } = request;
    if (aspectRatio !== undefined && parseRatio(aspectRatio) === undefined)
      fail("--aspectRatio must be W:H, as in 16:9.");
    if (!isHere) return;
    const known = (await presetsOfVars()).get(preset);
    if (known !== undefined) applyPreset(preset, known, request, given);
    else console.error(`${preset} is not in PRESETS: unless PUT /v1/presets/${preset} made it, its URL is a 404.`);
  } catch (error) {
    const { message } = error as Error;
    fail(error instanceof GatewayError ? `--${message}` : message);
  }
}

/** The var PRESETS as `npm start` reads it: that of .dev.vars, else of wrangler.toml. */
async function presetsOfVars(): Promise<ReadonlyMap<string, Preset>> {
  // wrangler is slow to load, and only it knows what its files come to.
  const { unstable_getVarsForDev: varsForDev, unstable_readConfig: readConfig } = await import("wrangler");
  const { vars } = readConfig({ config: "wrangler.toml" }, { hideWarnings: true });
  const { PRESETS, LIMITS } = varsForDev("wrangler.toml", undefined, vars, undefined, true);
  return configOf({ PRESETS: PRESETS?.value, LIMITS: LIMITS?.value } as unknown as Env).presets;
}
