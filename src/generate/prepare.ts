import type { Env, Settings } from "../env.ts";
import type { StoredPicture } from "../image/request.ts";
import type { Principal } from "../policy/credentials.ts";
import type { Asked } from "../vendors/vendor.ts";
import { check } from "./check.ts";
import { permitted } from "./permitted.ts";
import { withPreset } from "./preset.ts";

/**
 * What is to be drawn of what was asked: with its preset filled in, within our limits, and as its key may ask it. `pictures`
 * are those that came with it. Throws invalid_request or forbidden.
 */
export async function prepare(
  asked: Asked,
  principal: Principal,
  pictures: readonly StoredPicture[],
  { env, settings }: { env: Env; settings: Settings },
): Promise<Asked> {
  const whole = await withPreset(asked, env, settings);
  check(whole.request, pictures, settings.limits);
  return permitted(principal, whole, settings);
}
