import type { Settings } from "../env.ts";
import { asGatewayError, GatewayError } from "../errors.ts";
import { CATALOG, canonicalModel } from "../image/catalog.ts";
import { fit } from "../image/fit.ts";
import type { ModelSpec } from "../image/models.ts";
import type { ImageRequest } from "../image/request.ts";
import { fallback, vendors } from "../vendors/index.ts";
import type { Target } from "../vendors/send.ts";
import type { Provider } from "../vendors/vendor.ts";

/** A vendor that can draw the request, and the request as that vendor takes it. */
export interface Route {
  target: Target;
  spec: ModelSpec;
  request: ImageRequest;
  warnings: string[];
}

/** A vendor that has a model here, and what it can do with it. */
export interface Offer {
  provider: Provider;
  spec: ModelSpec;
}

const providers = vendors.flatMap(({ provider }) => provider ?? []);

/** Canonical names of every model there is, drawn here or not. */
export const MODELS = [
  ...new Set([
    ...Object.keys(CATALOG),
    ...providers.flatMap((provider) => Object.keys(provider.models)),
    fallback.name,
  ]),
];

/**
 * Chooses who draws: the first of the offers that can do what is asked. Throws model_not_found, or invalid_request with
 * what the first of them would take.
 */
export function choose(request: ImageRequest, dialect: string, settings: Settings): Route {
  const { model, offers } = offersOf(request.model, settings, dialect);
  let refusal: GatewayError | undefined;
  for (const { provider, spec } of offers) {
    try {
      const fitted = fit({ ...request, model }, spec);
      const baseUrl = settings.baseUrl(provider.name) ?? provider.baseUrl;
      return { target: { provider, baseUrl, credential: settings.credential(provider.name) }, spec, ...fitted };
    } catch (error) {
      refusal ??= asGatewayError(error);
    }
  }
  throw refusal ?? new GatewayError("model_not_found", missing(request.model), { field: "model" });
}

/**
 * Who draws a model here, in the order they are asked: the vendor pinned by `vendor/model`, else the dialect's own, else
 * the others in theirs; only one with a credential. The sandbox stands in where it may and none is pinned. Throws
 * model_not_found for a name that nobody knows.
 */
export function offersOf(name: string, settings: Settings, dialect?: string): { model: string; offers: Offer[] } {
  const { pin, model } = readName(name);
  const offers = providers
    .filter((provider) => (pin ?? provider.name) === provider.name && settings.credential(provider.name) !== undefined)
    .toSorted((a, b) => Number(b.name === dialect) - Number(a.name === dialect))
    .flatMap((provider): Offer[] => {
      const spec = provider.models[model];
      return spec === undefined ? [] : [{ provider, spec }];
    });
  const standsIn = settings.sandbox && offers.length === 0 && (pin ?? fallback.name) === fallback.name;
  if (standsIn) offers.push({ provider: fallback, spec: { ...fallback.spec, pixels: CATALOG[model]?.pixels ?? {} } });
  return { model, offers };
}

/** Canonical model and pinned vendor of a name as clients write it. */
function readName(name: string): { pin: string | undefined; model: string } {
  const slash = name.indexOf("/");
  const pin = slash < 0 ? undefined : name.slice(0, slash);
  const bare = name.slice(slash + 1);
  const isVendor = pin === undefined || [fallback, ...providers].some((provider) => provider.name === pin);
  const model = canonicalModel(bare) ?? MODELS.find((known) => known === bare);
  if (model !== undefined && isVendor) return { pin, model };
  const message = `The model ${name.slice(0, 80)} is not known; known are ${MODELS.join(", ")}.`;
  throw new GatewayError("model_not_found", message, { field: "model" });
}

/** Why nobody draws a model that is known. */
function missing(name: string): string {
  const { pin, model } = readName(name);
  const keys = providers
    .filter((provider) => (pin ?? provider.name) === provider.name && Object.hasOwn(provider.models, model))
    .map((provider) => `${provider.name.toUpperCase()}_API_KEY`);
  if (keys.length === 0) return pin === undefined ? `Nobody draws ${model} here.` : `${pin} does not draw ${model}.`;
  return `No vendor that draws ${model} is configured here: ${keys.join(" or ")} is not set.`;
}
