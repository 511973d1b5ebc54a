import type { Env, Config } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { fit } from "../image/fit.ts";
import { shorten } from "../image/fit-context.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import type { ImageRequest } from "../image/request.ts";
import { memoizeWeak } from "../memory.ts";
import { fallback, providers } from "../vendors/index.ts";
import type { Endpoint } from "../vendors/send.ts";
import type { ParsedRequest, Provider } from "../vendors/vendor.ts";
import { registryOf, splitModelName } from "./registry.ts";
import { orderVendors, parseRouting, type Routing } from "./routing.ts";

/** A vendor that can serve a request, and the request as its model takes it. */
export interface Candidate {
  endpoint: Endpoint;
  spec: ModelSpec;
  request: ImageRequest;
  warnings: string[];
}

/** At least one candidate, the preferred one first. */
export type Candidates = readonly [Candidate, ...Candidate[]];

/** A provider that has a model, and what it can do with it. */
export interface ProviderModel {
  provider: Provider;
  spec: ModelSpec;
}

/**
 * Select the vendors that can serve a request, in the order in which they are called: those that honour all of it before those
 * that drop a field. Throws model_not_found, or the first vendor's own refusal: invalid_request with the values that it
 * takes, or forbidden.
 */
export function selectCandidates(
  { request, defaulted, maxSize }: Pick<ParsedRequest, "request" | "defaulted" | "maxSize">,
  dialect: string,
  { env, config }: { env: Pick<Env, "IMAGES">; config: Config },
): Candidates {
  const { model, offers } = providersFor(request.model, config, dialect, Math.random);
  const { pixels } = registryOf(config).entryOf(model);
  const options = { converts: env.IMAGES !== undefined, defaulted, maxSize, pixels };
  let refusal: GatewayError | undefined;
  const candidates: (Candidate & { droppedCount: number })[] = [];
  for (const { provider, spec } of offers) {
    try {
      // A second time: the dialect has fitted the request to its vendor's document; this is the model that serves it.
      const fitted = fit({ ...request, model }, spec, options);
      const ignored = ignoredOptions(fitted.request, provider.name);
      candidates.push({
        request: fitted.request,
        endpoint: endpointOf(provider, config),
        spec,
        warnings: [...fitted.warnings, ...ignored],
        droppedCount: fitted.droppedCount + ignored.length,
      });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      refusal ??= error;
    }
  }
  const [first, ...others] = candidates.toSorted((a, b) => a.droppedCount - b.droppedCount);
  if (first !== undefined) return [first, ...others];
  throw refusal ?? new GatewayError("model_not_found", unavailableMessage(request.model, config), { field: "model" });
}

function endpointOf(provider: Provider, config: Config): Endpoint {
  const { name } = provider;
  return {
    provider,
    baseUrl: config.baseUrl(name) ?? provider.baseUrl,
    credential: config.credential(name),
    bareKey: config.bareKey(name),
  };
}

/** A warning for each provider option that is meant for another vendor. */
function ignoredOptions({ model, providerOptions = {} }: ImageRequest, vendor: string): string[] {
  return Object.entries(providerOptions)
    .filter(([name]) => name !== vendor)
    .flatMap(([, options]) => Object.keys(options))
    .map((option) => `${shorten(option)} was left out: ${model} does not take it here`);
}

/**
 * Providers for a model in order of preference: the one pinned by `vendor/model`; else the dialect's own vendor, then the
 * others by the var ROUTING. Only providers with a credential. The sandbox is the fallback if it is enabled, no other
 * provider has the model and no other vendor is pinned. Throws model_not_found for an unknown name.
 */
export function providersFor(
  name: string,
  config: Config,
  dialect?: string,
  random: () => number = () => 0,
): { model: string; offers: ProviderModel[] } {
  const { pin, model } = parseModelName(name, config);
  const registry = registryOf(config);
  const configured = providers.flatMap((provider): ProviderModel[] => {
    const spec = registry.specOf(provider, model);
    const isSelected = (pin ?? provider.name) === provider.name && config.credential(provider.name) !== undefined;
    return isSelected && spec !== undefined ? [{ provider, spec }] : [];
  });
  const routing = routingOf(config);
  const names = configured.map(({ provider }) => provider.name);
  const steps = pin === undefined ? (routing[model] ?? routing["*"]) : undefined;
  const ordered = steps === undefined ? names : orderVendors(names, steps, random);
  // A client that speaks a vendor's dialect prefers that vendor.
  const preferred = new Set(ordered.filter((vendor) => vendor === dialect).concat(ordered));
  const offers = [...preferred].flatMap((vendor) => configured.find(({ provider }) => provider.name === vendor) ?? []);
  const useFallback = config.sandbox && offers.length === 0 && (pin ?? fallback.name) === fallback.name;
  const { pixels = {} } = registry.entryOf(model);
  if (useFallback) offers.push({ provider: fallback, spec: { ...fallback.spec, pixels } });
  return { model, offers };
}

/** The var ROUTING by canonical model, parsed once per isolate. */
const routingOf = memoizeWeak((config: Config): Routing => {
  const { canonical } = registryOf(config);
  const parsed = parseRouting(
    config.routingVar,
    providers.map(({ name }) => name),
  );
  const byModel = Object.entries(parsed).map(([name, steps]) => {
    const model = name === "*" ? name : canonical(name);
    if (model === undefined) throw new Error(`ROUTING.${name} is no model; GET /v1/models has them`);
    return [model, steps] as const;
  });
  return Object.fromEntries(byModel);
});

/** Split a client's model name into the canonical model and the pinned vendor. Throws model_not_found. */
function parseModelName(name: string, config: Config): { pin: string | undefined; model: string } {
  const { canonical, models } = registryOf(config);
  const { vendor: pin, model: alias } = splitModelName(name);
  const isVendor = pin === undefined || [fallback, ...providers].some((provider) => provider.name === pin);
  const model = canonical(alias);
  if (model !== undefined && isVendor) return { pin, model };
  const vendors = providers.map((provider) => provider.name).join(", ");
  const known = models.filter((each) => config.sandbox || each !== fallback.name).join(", ");
  const message = isVendor
    ? `The model ${name.slice(0, 80)} is not known; known are ${known}.`
    : `${pin.slice(0, 80)} is no vendor here; in vendor/model the vendor is one of ${vendors}.`;
  throw new GatewayError("model_not_found", message, { field: "model" });
}

/** Why no provider serves a known model. */
function unavailableMessage(name: string, config: Config): string {
  const { pin, model } = parseModelName(name, config);
  const keys = providers
    .filter((provider) => (pin ?? provider.name) === provider.name)
    .filter((provider) => registryOf(config).specOf(provider, model) !== undefined)
    .map((provider) => `${provider.name.toUpperCase()}_API_KEY`);
  if (keys.length === 0) return pin === undefined ? `Nobody draws ${model} here.` : `${pin} does not draw ${model}.`;
  return `No vendor that draws ${model} is configured here: ${keys.join(" or ")} is not set.`;
}
