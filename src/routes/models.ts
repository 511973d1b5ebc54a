import { GatewayError } from "../errors.ts";
import { CATALOG } from "../image/catalog.ts";
import { MODELS, type Offer, offersOf } from "../generate/choose.ts";
import { type AppContext, principalOf, settings } from "./context.ts";

/** `GET /v1/models`: the models that are drawn here, as OpenAI lists them, with what each vendor can do. */
export async function serveModels(c: AppContext): Promise<Response> {
  await principalOf(c);
  return c.json({ object: "list", data: MODELS.flatMap((name) => modelOf(c, name) ?? []) });
}

/** `GET /v1/models/{id}`: one of them; the id may be an alias or `vendor/model`, which leaves that vendor. */
export async function serveModel(c: AppContext): Promise<Response> {
  await principalOf(c);
  const name = c.req.param("id") ?? "";
  const model = modelOf(c, name);
  if (model !== undefined) return c.json(model);
  throw new GatewayError("model_not_found", `Nobody draws ${name.slice(0, 80)} here.`, { field: "model" });
}

function modelOf(c: AppContext, name: string) {
  const { model, offers } = offersOf(name, settings(c));
  const [first] = offers;
  if (first === undefined) return undefined;
  return {
    id: name,
    object: "model",
    // When the model came to be is nobody's here to know; SDKs want a number.
    created: 0,
    owned_by: first.provider.name,
    aliases: CATALOG[model]?.aliases ?? [],
    vendors: offers.map((offer) => ({ id: `${offer.provider.name}/${model}`, ...able(offer) })),
  };
}

/** What a vendor can do with a model, in the words of the canonical request. */
function able({ spec }: Offer) {
  return {
    sizes: spec.sizes,
    defaultSize: spec.defaultSize,
    aspectRatios: spec.ratios,
    defaultAspectRatio: spec.defaultRatio,
    dimensions: spec.dimensions,
    qualities: spec.qualities,
    outputFormats: spec.formats,
    seed: spec.seed,
    references: spec.references,
  };
}
