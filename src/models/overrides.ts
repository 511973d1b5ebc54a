import * as z from "zod/mini";
import { GatewayError } from "../errors.ts";
import type { ModelSpec } from "../image/model-spec.ts";
import { OUTPUT_FORMATS, TIERS } from "../image/request.ts";
import { isObject, parseVarObject } from "../json.ts";
import { parseWire } from "../vendors/request-schema.ts";
import type { Provider } from "../vendors/vendor.ts";

/** The entry of the var MODELS for one model of one vendor. */
export interface ModelOverride {
  /** The model of this vendor whose spec is copied first. */
  like?: string | undefined;
  aliases: string[];
  /** Fields that replace those of the vendor's spec; `null` removes a field. */
  changes: { [K in keyof ModelSpec]?: ModelSpec[K] | null | undefined };
}

/** An override with its vendor and model; `null` removes the model from that vendor. */
export interface OverrideEntry {
  provider: Provider;
  model: string;
  /** The entry's path in the var, for error messages. */
  path: string;
  override: ModelOverride | null;
}

/** Model names have no slash: it would pin a vendor. */
const NAME = /^[^\s/]+$/;
const RATIO = /^[1-9]\d*:[1-9]\d*$/;
const ratio = z.string().check(z.regex(RATIO, "must be a ratio, as in 16:9"));
const tier = z.enum(TIERS);
const nonEmptyText = z.string().check(z.minLength(1, "must not be empty"));
const positiveInt = z.int().check(z.minimum(1));
const flag = z.pipe(
  z.nullable(z.boolean()),
  z.transform((value) => (value === true ? true : null)),
);
const amount = z.number().check(z.minimum(0));
const pixels = z.string().check(z.regex(/^[1-9]\d*x[1-9]\d*$/, "must be pixels, as in 1024x1024"));
const byRatio = z
  .record(z.string(), pixels)
  .check(z.refine((table) => Object.keys(table).every((key) => RATIO.test(key)), "must be by ratio, as in 16:9"));

function byTier<T extends z.ZodMiniType>(value: T) {
  const isTier = (key: string) => TIERS.some((name) => name === key);
  const message = `must be by tier: ${TIERS.join(", ")}`;
  return z.record(z.string(), value).check(z.refine((table) => Object.keys(table).every(isTier), message));
}

/** Every field of a spec; optional fields accept `null`. */
const specFields = {
  wireName: nonEmptyText,
  maker: z.nullable(nonEmptyText),
  ratios: z.array(ratio),
  sizes: z.array(tier),
  defaultSize: z.nullable(tier),
  defaultRatio: z.nullable(ratio),
  pixels: z.nullable(byTier(byRatio)),
  dimensions: z.nullable(
    z.strictObject({
      multipleOf: positiveInt,
      min: positiveInt,
      max: positiveInt,
      maxPixels: z.exactOptional(positiveInt),
    }),
  ),
  references: z.int().check(z.minimum(0)),
  referenceBytes: z.nullable(positiveInt),
  referenceSchemes: z.array(z.enum(["https", "http", "gs"])),
  prefersUrls: flag,
  turns: flag,
  mask: flag,
  qualities: z.array(nonEmptyText),
  formats: z.array(z.enum(OUTPUT_FORMATS)),
  seed: z.boolean(),
  n: positiveInt,
  output: z.enum(["base64", "url"]),
  urlSeconds: z.nullable(positiveInt),
  price: z.nullable(
    z.strictObject({
      currency: nonEmptyText,
      amount: z.union([amount, byTier(amount)], "must be a number, or numbers by tier"),
    }),
  ),
  off: z.nullable(z.boolean()),
} satisfies Record<keyof ModelSpec, z.ZodMiniType>;

const overrideWire = z.partial(
  z.strictObject({
    like: nonEmptyText,
    aliases: z.array(z.string().check(z.regex(NAME, "must be a name without spaces and slashes"))),
    ...specFields,
  }),
);

/** Parse the var MODELS. Throws an Error that names the invalid path and what is allowed there. */
export function parseOverrides(json: string | undefined, providers: readonly Provider[]): OverrideEntry[] {
  if (json === undefined) return [];
  return Object.entries(parseVarObject("MODELS", json, "an object")).flatMap(([vendor, models]) => {
    const provider = providers.find(({ name }) => name === vendor);
    if (provider === undefined)
      throw new Error(`MODELS.${vendor} is no vendor; there are ${providers.map(({ name }) => name).join(", ")}`);
    return entriesOf(models, `MODELS.${vendor}`).map(([model, value]) => {
      const path = `MODELS.${vendor}.${model}`;
      if (!NAME.test(model)) throw new Error(`${path} is not a name without spaces and slashes`);
      return { provider, model, path, override: value === null ? null : parseOverride(value, path) };
    });
  });
}

function entriesOf(value: unknown, path: string): [string, unknown][] {
  if (isObject(value)) return Object.entries(value);
  throw new Error(`${path} must be an object`);
}

function parseOverride(value: unknown, path: string): ModelOverride {
  entriesOf(value, path);
  try {
    const { like, aliases = [], ...changes } = parseWire(overrideWire, value);
    return { like, aliases, changes };
  } catch (error) {
    throw error instanceof GatewayError ? new Error(`${path}: ${error.message}`) : error;
  }
}
