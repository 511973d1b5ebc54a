import type { Env, Config } from "../env.ts";
import { GatewayError } from "../errors.ts";
import { fit } from "../image/fit.ts";
import { shorten } from "../image/fit-context.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import type { ImageRequest } from "../image/request.ts";
import { order, parseRouting, type Routing } from "./routing.ts";
import { fallback, providers } from "../vendors/index.ts";
import type { Endpoint } from "../vendors/send.ts";
import type { ParsedRequest, Provider } from "../vendors/vendor.ts";
import { registryOf } from "./registry.ts";

/** A vendor that can draw the request, and the request as that vendor takes it. */
export interface Candidate {
  target: Endpoint;
  spec: ModelSpec;
  request: ImageRequest;
  warnings: string[];
}

/** A vendor that has a model here, and what it can do with it. */
export interface ProviderModel {
  provider: Provider;
  spec: ModelSpec;
}

/**
 * Who can draw the request, in the order in which they are asked: those that can do all of it before those that leave
 * something out. Throws model_not_found, or as the first of them does: invalid_request with what it would take, or forbidden.
 */
export function selectCandidates(
  { request, defaulted, maxSize }: Pick<ParsedRequest, "request" | "defaulted" | "maxSize">,
  dialect: string,
  { env, config }: { env: Pick<Env, "IMAGES">; config: Config },
): [Candidate, ...Candidate[]] {
  const { model, offers } = providersFor(request.model, config, dialect, Math.random);
  const { pixels } = registryOf(config).entryOf(model);
  const circumstances = { converts: env.IMAGES !== undefined, defaulted, maxSize, pixels };
  let refusal: GatewayError | undefined;
  const routes: (Candidate & { lost: number })[] = [];
  for (const { provider, spec } of offers) {
    try {
      const fitted = fit({ ...request, model }, spec, circumstances);
      const { name } = provider;
      const target = {
        provider,
        baseUrl: config.baseUrl(name) ?? provider.baseUrl,
        credential: config.credential(name),
        bareKey: config.bareKey(name),
      };
      const ignored = ignoredOptions(fitted.request, name);
      routes.push({
        ...fitted,
        target,
        spec,
        warnings: [...fitted.warnings, ...ignored],
        lost: fitted.droppedCount + ignored.length,
      });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      refusal ??= error;
    }
  }
  const [first, ...others] = routes.toSorted((a, b) => a.lost - b.lost);
  if (first !== undefined) return [first, ...others];
  throw refusal ?? new GatewayError("model_not_found", unavailableMessage(request.model, config), { field: "model" });
}

/** A warning for each option that is meant for another vendor than the one who draws. */
function ignoredOptions({ model, providerOptions = {} }: ImageRequest, vendor: string): string[] {
  return Object.entries(providerOptions)
    .filter(([name]) => name !== vendor)
    .flatMap(([, options]) => Object.keys(options))
    .map((option) => `${shorten(option)} was left out: ${model} does not take it here`);
}

/**
 * Who draws a model here, in the order they are asked: the vendor pinned by `vendor/model`, else the dialect's own, else
 * the others as the var ROUTING has them; only one with a credential. The sandbox stands in where it may, nobody else can
 * and none is pinned. Throws model_not_found for a name that nobody knows.
 */
export function providersFor(
  name: string,
  config: Config,
  dialect?: string,
  random: () => number = () => 0,
): { model: string; offers: ProviderModel[] } {
  const { pin, model } = parseModelName(name, config);
  const registry = registryOf(config);
  const able = providers.flatMap((provider): ProviderModel[] => {
    const spec = registry.specOf(provider, model);
    const mine = (pin ?? provider.name) === provider.name && config.credential(provider.name) !== undefined;
    return mine && spec !== undefined ? [{ provider, spec }] : [];
  });
  const routing = routingOf(config);
  const names = able.map(({ provider }) => provider.name);
  const ordered = pin === undefined ? order(names, routing[model] ?? routing["*"], random) : names;
  // Who speaks a vendor's dialect means that vendor.
  const wanted = new Set(ordered.filter((each) => each === dialect).concat(ordered));
  const offers = [...wanted].flatMap((each) => able.find(({ provider }) => provider.name === each) ?? []);
  const standsIn = config.sandbox && offers.length === 0 && (pin ?? fallback.name) === fallback.name;
  const { pixels = {} } = registry.entryOf(model);
  if (standsIn) offers.push({ provider: fallback, spec: { ...fallback.spec, pixels } });
  return { model, offers };
}

const routings = new WeakMap<Config, Routing>();

/** The var ROUTING, read once an isolate, by canonical model. */
function routingOf(config: Config): Routing {
  let routing = routings.get(config);
  if (routing === undefined) {
    const told = parseRouting(
      config.routing,
      providers.map(({ name }) => name),
    );
    const { canonical } = registryOf(config);
    const byModel = Object.entries(told).map(([name, steps]) => {
      const model = name === "*" ? name : canonical(name);
      if (model === undefined) throw new Error(`ROUTING.${name} is no model; GET /v1/models has them`);
      return [model, steps] as const;
    });
    routings.set(config, (routing = Object.fromEntries(byModel)));
  }
  return routing;
}

/** Canonical model and pinned vendor of a name as clients write it. */
function parseModelName(name: string, config: Config): { pin: string | undefined; model: string } {
  const { canonical, models } = registryOf(config);
  const slash = name.indexOf("/");
  const pin = slash < 0 ? undefined : name.slice(0, slash);
  const isVendor = pin === undefined || [fallback, ...providers].some((provider) => provider.name === pin);
  const model = canonical(name.slice(slash + 1));
  if (model !== undefined && isVendor) return { pin, model };
  const vendors = providers.map((provider) => provider.name).join(", ");
  const drawn = models.filter((each) => config.sandbox || each !== fallback.name).join(", ");
  const message = isVendor
    ? `The model ${name.slice(0, 80)} is not known; known are ${drawn}.`
    : `${pin.slice(0, 80)} is no vendor here; in vendor/model the vendor is one of ${vendors}.`;
  throw new GatewayError("model_not_found", message, { field: "model" });
}

/** Why nobody draws a model that is known. */
function unavailableMessage(name: string, config: Config): string {
  const { pin, model } = parseModelName(name, config);
  const keys = providers
    .filter((provider) => (pin ?? provider.name) === provider.name)
    .filter((provider) => registryOf(config).specOf(provider, model) !== undefined)
    .map((provider) => `${provider.name.toUpperCase()}_API_KEY`);
  if (keys.length === 0) return pin === undefined ? `Nobody draws ${model} here.` : `${pin} does not draw ${model}.`;
  return `No vendor that draws ${model} is configured here: ${keys.join(" or ")} is not set.`;
}
