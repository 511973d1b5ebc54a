import { GatewayError } from "../errors.ts";
import { type ProviderModel, providersFor } from "../models/candidates.ts";
import { registryOf } from "../models/registry.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import { type AppContext, authenticateRequest, configFor } from "./context.ts";

/** Serve `GET /v1/models`: the available models in OpenAI's list format, with the capabilities at each vendor. */
export async function serveModels(c: AppContext): Promise<Response> {
  await authenticateRequest(c);
  const { models } = registryOf(configFor(c));
  return c.json({ object: "list", data: models.flatMap((name) => modelEntry(c, name) ?? []) });
}

/** Serve `GET /v1/models/{id}`: one model. The id may be an alias, or `vendor/model` for that vendor only. */
export async function serveModel(c: AppContext): Promise<Response> {
  await authenticateRequest(c);
  const name = c.req.param("id") ?? "";
  const model = modelEntry(c, name);
  if (model !== undefined) return c.json(model);
  throw new GatewayError("model_not_found", `Nobody draws ${name.slice(0, 80)} here.`, { field: "model" });
}

function modelEntry(c: AppContext, name: string) {
  const config = configFor(c);
  const { model, offers } = providersFor(name, config);
  const [first] = offers;
  if (first === undefined) return undefined;
  return {
    id: name,
    object: "model",
    // The creation time of the model is unknown here; SDKs require a number.
    created: 0,
    owned_by: first.provider.name,
    aliases: registryOf(config).entryOf(model).aliases,
    vendors: offers.map((offer) => ({ id: `${offer.provider.name}/${model}`, ...capabilities(offer) })),
  };
}

/** Return the capabilities of a model at a vendor, with the field names of the canonical request. */
function capabilities({ spec }: ProviderModel) {
  return {
    wireName: spec.wireName,
    sizes: spec.sizes,
    defaultSize: spec.defaultSize,
    aspectRatios: spec.ratios,
    defaultAspectRatio: spec.defaultRatio,
    dimensions: spec.dimensions,
    pixels: supportedPixels(spec),
    references: { max: spec.references, bytes: spec.referenceBytes, urls: spec.referenceSchemes },
    mask: spec.mask ?? false,
    turns: spec.turns ?? false,
    qualities: spec.qualities,
    outputFormats: spec.formats,
    seed: spec.seed,
    picturesPerCall: spec.n,
    output: { kind: spec.output, urlSeconds: spec.urlSeconds },
    price: spec.price,
  };
}

/**
 * Return the part of a model's pixel table for the sizes and ratios of this vendor; all rows where it has no such
 * field.
 */
function supportedPixels({ pixels, sizes, ratios }: ModelSpec) {
  if (pixels === undefined) return undefined;
  const entriesOf = <T>(table: Readonly<Record<string, T>>, keys: readonly string[]) =>
    Object.entries(table).filter(([key]) => keys.length === 0 || keys.includes(key));
  return Object.fromEntries(
    entriesOf(pixels, sizes).map(([tier, row]) => [tier, Object.fromEntries(entriesOf(row, ratios))]),
  );
}
