import { memoizeWeak } from "../memory.ts";
import type { Config } from "../env.ts";
import { CATALOG, type CatalogEntry } from "../image/catalog.ts";
import { validateSpec, type ModelSpec } from "../image/model-spec.ts";
import { fallback, providers } from "../vendors/index.ts";
import type { Provider } from "../vendors/vendor.ts";
import { type ModelOverride, type OverrideEntry, parseOverrides } from "./overrides.ts";

/** Every model of every vendor: the specs in the vendors' folders, with the changes of the var MODELS. */
export interface ModelRegistry {
  /** Canonical names of all known models, whether or not a configured vendor serves them. */
  models: readonly string[];
  /** The canonical name of a model name or alias without a vendor prefix; undefined if it is unknown. */
  canonical(name: string): string | undefined;
  /** The catalog entry of a canonical model, which is the same for every vendor. */
  entryOf(model: string): CatalogEntry;
  /** A vendor's spec of a canonical model; undefined if the vendor does not have the model, or it is off. */
  specOf(provider: Provider, model: string): ModelSpec | undefined;
}

/** The registry under construction: by canonical model, by name, and by vendor and canonical model. */
interface Draft {
  entries: Map<string, CatalogEntry>;
  names: Map<string, string>;
  tables: Map<string, Map<string, ModelSpec>>;
}

/** The registry of a configuration, built once per isolate. Throws an Error with the var's path if MODELS is wrong. */
export const registryOf = memoizeWeak((config: Pick<Config, "modelsVar">) => buildRegistry(config.modelsVar));

function buildRegistry(models: string | undefined): ModelRegistry {
  const draft = shippedDraft();
  for (const change of parseOverrides(models, providers)) applyOverride(draft, change);
  const { entries, names, tables } = draft;
  return {
    models: [...entries.keys()],
    canonical: (name) => names.get(name),
    entryOf: (model) => entries.get(model) ?? { aliases: [] },
    specOf: (provider, model) => {
      const spec = tables.get(provider.name)?.get(model);
      return spec?.off === true ? undefined : spec;
    },
  };
}

function shippedDraft(): Draft {
  const all = [...providers, fallback];
  const entries = new Map<string, CatalogEntry>(Object.entries(CATALOG));
  // A model that is not in the catalog, such as the sandbox's own, has no aliases.
  for (const model of all.flatMap((provider) => Object.keys(provider.models)))
    if (!entries.has(model)) entries.set(model, { aliases: [] });
  const names = new Map<string, string>();
  for (const [model, { aliases }] of entries) for (const name of [model, ...aliases]) names.set(name, model);
  const tables = new Map(all.map((provider) => [provider.name, new Map(Object.entries(provider.models))]));
  return { entries, names, tables };
}

function applyOverride({ entries, names, tables }: Draft, { provider, model, path, override }: OverrideEntry): void {
  const canonicalName = names.get(model) ?? model;
  if (canonicalName !== model)
    throw new Error(`${path} is another name of ${canonicalName}, which is to be written here`);
  const table = tables.get(provider.name);
  if (override === null) {
    if (table?.delete(model) !== true) throw new Error(`${path} is not there; ${listModels(provider)}`);
    return;
  }
  const spec = overriddenSpec(provider, model, override, path);
  table?.set(model, spec);
  const entry = entries.get(model) ?? { aliases: [], ...(spec.pixels && { pixels: spec.pixels }) };
  entries.set(model, { ...entry, aliases: [...new Set([...entry.aliases, ...override.aliases])] });
  names.set(model, model);
  override.aliases.forEach((alias, i) => {
    const existing = names.get(alias) ?? model;
    if (existing !== model) throw new Error(`${path}.aliases[${i}]: ${alias} already means ${existing}`);
    names.set(alias, model);
  });
}

/** Apply an override to the vendor's own spec, or to a copy of the spec of the `like` model. */
function overriddenSpec(provider: Provider, model: string, { like, changes }: ModelOverride, path: string): ModelSpec {
  const name = like ?? model;
  const base = Object.hasOwn(provider.models, name) ? provider.models[name] : undefined;
  if (base === undefined) {
    const where = like === undefined ? `${path} is new, which needs "like"` : `${path}.like must be another`;
    throw new Error(`${where}; ${listModels(provider)}`);
  }
  // A copy has its own wire name, and is on even if the original is off.
  const start = like === undefined ? base : { ...base, wireName: model, off: false };
  const setFields = Object.entries({ ...start, ...changes }).filter(
    ([, value]) => value !== null && value !== undefined,
  );
  const spec = Object.fromEntries(setFields) as unknown as ModelSpec;
  const problem = validateSpec(spec) ?? validateSendable(provider, spec);
  if (problem !== undefined) throw new Error(`${path}: ${problem}`);
  return spec;
}

/**
 * Return a message if a spec has an option that none of the vendor's shipped models has: the vendor's requests have no
 * field for it, so it would be dropped silently.
 */
function validateSendable({ name, models }: Provider, spec: ModelSpec): string | undefined {
  const shipped = Object.values(models);
  const lists = (["sizes", "ratios", "qualities", "formats"] as const).filter((field) => spec[field].length > 0);
  const field =
    lists.find((option) => shipped.every((model) => model[option].length === 0)) ??
    (["seed", "mask", "turns", "dimensions"] as const).find(
      (option) => Boolean(spec[option]) && !shipped.some((model) => Boolean(model[option])),
    ) ??
    (spec.n > Math.max(...shipped.map(({ n }) => n)) ? "n" : undefined);
  return field === undefined ? undefined : `${field} cannot be sent to ${name}`;
}

function listModels({ name, models }: Provider): string {
  return `${name} has ${Object.keys(models).join(", ")}`;
}

/** Split `vendor/model`, as clients write it, into the pinned vendor and the model's name or alias. */
export function splitModelName(name: string): { vendor: string | undefined; model: string } {
  const slash = name.indexOf("/");
  return { vendor: slash < 0 ? undefined : name.slice(0, slash), model: name.slice(slash + 1) };
}
