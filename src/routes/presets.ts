import { GatewayError, invalidField } from "../errors.ts";
import { providersFor } from "../models/candidates.ts";
import { presetOf } from "../generate/presets.ts";
import { nameParam, withoutName } from "../access/names.ts";
import { parsePreset, type Preset } from "../access/presets.ts";
import { deletePreset, listPresets, putPreset } from "../store/presets.ts";
import { requireAdmin, type AppContext, authenticateRequest, configFor } from "./context.ts";
import { notFound } from "./error-response.ts";
import { jsonBody } from "./request-body.ts";

/** `GET /v1/presets`: every preset, the ones of the var PRESETS first. */
export async function servePresets(c: AppContext): Promise<Response> {
  await authenticateRequest(c);
  const { presets } = configFor(c);
  const stored = await listPresets(c.env.BUCKET);
  const all = new Map([...presets, ...[...stored].filter(([name]) => !presets.has(name))]);
  c.header("cache-control", "no-store");
  return c.json({ object: "list", data: [...all].map(([name, preset]) => presetWire(name, preset)) });
}

/** `GET /v1/presets/{name}` */
export async function servePreset(c: AppContext): Promise<Response> {
  await authenticateRequest(c);
  const name = c.req.param("name") ?? "";
  const preset = await presetOf(name, { env: c.env, config: configFor(c) });
  c.header("cache-control", "no-store");
  return preset === undefined ? notFound(c, "There is no such preset.") : c.json(presetWire(name, preset));
}

/** `PUT /v1/presets/{name}`: create a preset (201) or replace it (200). */
export async function replacePreset(c: AppContext): Promise<Response> {
  await requireAdmin(c);
  const name = changeableName(c);
  const config = configFor(c);
  const preset = parsePreset(withoutName(await jsonBody(c), name), config.limits);
  if (preset.model !== undefined) checkModel(preset.model, c);
  const before = await presetOf(name, { env: c.env, config });
  await putPreset(c.env.BUCKET, name, preset, Date.now());
  c.header("cache-control", "no-store");
  return c.json(presetWire(name, preset), before === undefined ? 201 : 200);
}

/** `DELETE /v1/presets/{name}`: its pictures stay, and are served again if a preset of that name is created. */
export async function removePreset(c: AppContext): Promise<Response> {
  await requireAdmin(c);
  const name = changeableName(c);
  const preset = await presetOf(name, { env: c.env, config: configFor(c) });
  if (preset === undefined) return notFound(c, "There is no such preset.");
  await deletePreset(c.env.BUCKET, name, Date.now());
  c.header("cache-control", "no-store");
  return c.json(presetWire(name, preset));
}

/** The name in the path. Throws invalid_request for a preset that cannot be changed. */
function changeableName(c: AppContext): string {
  const name = nameParam(c.req.param("name"));
  if (configFor(c).presets.has(name))
    throw invalidField("name", `${name} is in the var PRESETS, which counts; change it there`);
  return name;
}

/** Throws invalid_request for an unknown model. A known model without a configured vendor is accepted: that may change. */
function checkModel(model: string, c: AppContext): void {
  try {
    providersFor(model, configFor(c));
  } catch (error) {
    if (error instanceof GatewayError) throw new GatewayError("invalid_request", error.message, { field: "model" });
    throw error;
  }
}

function presetWire(name: string, preset: Preset) {
  return { name, ...preset };
}
