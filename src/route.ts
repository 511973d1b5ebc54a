import type { Settings } from "./env.ts";
import { GatewayError } from "./errors.ts";
import { CATALOG, canonicalModel } from "./image/catalog.ts";
import { fit } from "./image/fit.ts";
import type { ModelSpec } from "./image/models.ts";
import type { ImageRequest } from "./image/request.ts";
import { fallback, vendors } from "./vendors/index.ts";
import type { Target } from "./vendors/send.ts";
import type { Provider } from "./vendors/vendor.ts";

/** A vendor that can draw the request, and the request as that vendor takes it. */
export interface Route {
  target: Target;
  spec: ModelSpec;
  request: ImageRequest;
  warnings: string[];
}

const providers = vendors.flatMap(({ provider }) => provider ?? []);
const models = [...new Set([...Object.keys(CATALOG), ...providers.flatMap((provider) => Object.keys(provider.models))])];

/**
 * Chooses who draws: the vendor pinned by `vendor/model`, else the dialect's own, else the others in their order; only
 * one with a credential that can do what is asked. The sandbox stands in where no vendor is configured for the model.
 * Throws model_not_found, or invalid_request with what the first vendor would take.
 */
export function route(request: ImageRequest, dialect: string, settings: Settings): Route {
  const { pin, model } = readName(request.model);
  const configured = providers
    .filter(({ name, models }) => Object.hasOwn(models, model) && settings.credential(name) !== undefined && (pin ?? name) === name)
    .sort((a, b) => Number(b.name === dialect) - Number(a.name === dialect));
  const offers: [Provider, ModelSpec][] = configured.flatMap((provider) => {
    const spec = provider.models[model];
    return spec === undefined ? [] : [[provider, spec]];
  });
  if (offers.length === 0 && settings.sandbox) offers.push([fallback, { ...fallback.spec, pixels: CATALOG[model]?.pixels ?? {} }]);
  let refusal: unknown;
  for (const [provider, spec] of offers) {
    try {
      const fitted = fit({ ...request, model }, spec);
      const baseUrl = settings.baseUrl(provider.name) ?? provider.baseUrl;
      return { target: { provider, baseUrl, credential: settings.credential(provider.name) }, spec, ...fitted };
    } catch (error) {
      refusal ??= error;
    }
  }
  throw refusal ?? new GatewayError("model_not_found", `No vendor is configured that draws ${model}.`, { field: "model" });
}

/** Canonical model and pinned vendor of a name as clients write it. */
function readName(name: string): { pin: string | undefined; model: string } {
  const slash = name.indexOf("/");
  const pin = slash < 0 ? undefined : name.slice(0, slash);
  const bare = name.slice(slash + 1);
  const isVendor = pin === undefined || pin === fallback.name || providers.some((provider) => provider.name === pin);
  const model = canonicalModel(bare) ?? (models.includes(bare) || bare === fallback.name ? bare : undefined);
  if (model === undefined || !isVendor) {
    throw new GatewayError("model_not_found", `The model ${name.slice(0, 80)} is not known; known are ${models.join(", ")}.`, { field: "model" });
  }
  return { pin, model };
}
