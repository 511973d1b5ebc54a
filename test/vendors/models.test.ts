import { describe, expect, it } from "vitest";
import { canonicalModel } from "../../src/image/catalog.ts";
import { validateSpec, type ModelSpec } from "../../src/image/model-spec.ts";
import { PIXELS } from "../../src/image/pixel-tables.ts";
import { TIERS } from "../../src/image/request.ts";
import { parseRatio } from "../../src/image/size.ts";
import { providers } from "../../src/vendors/index.ts";
import known from "../fixtures/models.json" with { type: "json" };

interface Cell {
  v: unknown;
  t: string;
}
type Cells = Record<string, Cell>;

const specs = providers.flatMap(({ name, models }) =>
  Object.entries(models).map(([model, spec]) => [name, model, spec] as const),
);
const tables = known.pixel_tables as Record<string, ModelSpec["pixels"]>;

/** Every row of the fixture whose vendor the gateway has, with the fixture's model name. */
const rows = Object.entries(known.models as unknown as Record<string, Record<string, Cells>>).flatMap(([name, cells]) =>
  providers.flatMap((provider) => {
    const row = cells[provider.name];
    return row === undefined ? [] : [[provider.name, name, row] as const];
  }),
);

const strings = (value: unknown) => value as string[];
const absent = (value: unknown) => value ?? undefined;

/** Column of the fixture → the value in a spec that it describes, and how a cell's value reads in a spec. */
const COLUMNS: Record<string, [of: (spec: ModelSpec) => unknown, meaning?: (value: unknown) => unknown]> = {
  wire_model: [(spec) => spec.wireName],
  // An absent ratio means "auto".
  aspect_ratios: [
    (spec) => spec.ratios.toSorted(),
    (value) =>
      strings(value)
        .filter((ratio) => ratio !== "auto")
        .toSorted(),
  ],
  aspect_ratio_default: [(spec) => spec.defaultRatio, (value) => (parseRatio(String(value)) ? value : undefined)],
  sizes: [(spec) => spec.sizes],
  size_default: [(spec) => spec.defaultSize, absent],
  // A text describes width and height, which is `dimensions` in a spec.
  pixels: [
    (spec) => spec.pixels ?? (spec.dimensions && "dimensions"),
    (value) => tables[String(value)] ?? (String(value).includes("width/height") ? "dimensions" : value),
  ],
  max_reference_images: [(spec) => spec.references],
  reference_max_bytes: [(spec) => spec.referenceBytes],
  quality_values: [(spec) => spec.qualities],
  seed_param: [(spec) => spec.seed],
  n_param: [(spec) => spec.n > 1],
  output_kind: [(spec) => spec.output],
  url_lifetime_s: [(spec) => spec.urlSeconds, (value) => (value === "long-lived" ? undefined : absent(value))],
  multi_turn: [(spec) => spec.turns ?? false],
  price: [(spec) => spec.price, priceOf],
};

/** Values of fields that clients have sent, but whose effect is unknown. */
const UNSURE = new Set<unknown>(["accepted", "maybe", "via messages[]"]);

/** Intended differences between the specs and the fixture: vendor, model, column, and why. `*` is every model. */
const INTENDED: [string, string, string, why: string][] = [
  ["listenhub", "*", "reference_max_bytes", "20 MB are those of the whole request"],
  ["listenhub", "*", "aspect_ratio_default", "the document names none, and its clients disagree"],
  ["xty", "gemini-3.1-flash-image-preview", "pixels", "the document prints those of 2.5; the model's own are Google's"],
  ["nebula", "*", "reference_max_bytes", "7 MB, which may mean 7 MiB"],
  ["nebula", "*", "aspect_ratios", "no field for it in the document"],
  ["nebula", "*", "pixels", "without a ratio there is nothing to look up"],
  ["nebula", "gemini-2.5-flash-image", "wire_model", "the document's own name is sent"],
  ["nebula", "gemini-3-pro-image-preview", "sizes", "no field for it in the document; 3K is no tier of it"],
  ["nebula", "gemini-3-pro-image-preview", "quality_values", "no field for it in the document"],
];

function priceOf(value: unknown): ModelSpec["price"] {
  const [[unit, amount] = ["", 0]] = Object.entries(value as Record<string, number>);
  return { currency: unit.replace("_per_image", ""), amount };
}

function reasonFor(vendor: string, model: string, column: string): string | undefined {
  return INTENDED.find(([v, m, c]) => v === vendor && (m === model || m === "*") && c === column)?.[3];
}

function specOf(vendor: string, name: string): ModelSpec {
  const spec = providers.find((provider) => provider.name === vendor)?.models[canonicalModel(name) ?? ""];
  if (spec === undefined) throw new Error(`${vendor} has no ${name}`);
  return spec;
}

/** The columns of a row in which the spec and the fixture differ; unknown values are not compared. */
function differences(vendor: string, name: string, row: Cells): Record<string, unknown>[] {
  const spec = specOf(vendor, name);
  return Object.entries(COLUMNS).flatMap(([column, [of, meaning = (value: unknown) => value]]) => {
    const cell = row[column];
    if (cell === undefined || cell.t === "unknown" || UNSURE.has(cell.v)) return [];
    const [ours, theirs] = [of(spec), meaning(cell.v)];
    return sorted(ours) === sorted(theirs) ? [] : [{ column, ours, theirs }];
  });
}

/** JSON with sorted keys. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

describe("every vendor's model specs", () => {
  it.each(specs)("the spec of %s: %s is consistent with itself and the catalog", (_, model, spec) => {
    expect(canonicalModel(model) ?? model).toBe(model);
    expect(validateSpec(spec)).toBeUndefined();
    expect(spec.ratios.filter((ratio) => parseRatio(ratio) === undefined)).toEqual([]);
    for (const list of [spec.ratios, spec.sizes, spec.qualities, spec.formats, spec.referenceSchemes])
      expect(new Set(list).size).toBe(list.length);
    expect(spec.n).toBeGreaterThan(0);
    if (spec.output === "base64") expect(spec.urlSeconds).toBeUndefined();
    if (spec.price) expect(spec.price.currency).toMatch(/^(CNY|USD|credits)$/);
  });

  /** Combinations that a vendor accepts, but whose pixels are not published. */
  const UNPUBLISHED = new Map<unknown, string[]>([
    [PIXELS["gpt-image-2"], ["1K 16:9", "1K 9:16", "2K 3:2", "2K 2:3", "4K 1:1", "4K 3:2", "4K 2:3"]],
    [PIXELS["seedream-4.x"], ["2K 4:5", "2K 5:4", "4K 4:5", "4K 5:4"]],
  ]);
  it.each(specs.filter(([, , spec]) => spec.pixels !== undefined))(
    "the spec of %s: %s has pixels for every published combination",
    (_, __, spec) => {
      const { pixels = {}, sizes, ratios } = spec;
      const tiers = sizes.length > 0 ? sizes : TIERS.filter((tier) => pixels[tier] !== undefined);
      expect(tiers).not.toEqual([]);
      const missing = tiers.flatMap((tier) =>
        ratios.filter((ratio) => pixels[tier]?.[ratio] === undefined).map((ratio) => `${tier} ${ratio}`),
      );
      expect(missing.toSorted()).toEqual((UNPUBLISHED.get(pixels) ?? []).toSorted());
    },
  );
});

describe("the known facts about the vendors", () => {
  it.each(rows)("the spec of %s: %s agrees with the known facts", (vendor, name, row) => {
    const unexplained = differences(vendor, name, row).filter(
      ({ column }) => reasonFor(vendor, name, String(column)) === undefined,
    );
    expect(unexplained).toEqual([]);
  });

  it.each(Object.entries(known.aliases))("the catalog has the aliases of %s", (name, aliases) => {
    const model = canonicalModel(name);
    expect(model).toBeDefined();
    expect(aliases.filter((alias) => canonicalModel(alias) !== model)).toEqual([]);
  });

  it("the fixture has every model of every vendor", () => {
    const there = rows.map(([vendor, name]) => `${vendor}/${canonicalModel(name)}`);
    const here = specs.map(([vendor, model]) => `${vendor}/${model}`);
    const known = here.filter((model) => rows.some(([vendor]) => model.startsWith(`${vendor}/`)));
    expect(known.filter((model) => !there.includes(model))).toEqual([]);
  });

  it("every intended difference from the fixture exists", () => {
    const here = INTENDED.filter(([vendor]) => providers.some(({ name }) => name === vendor));
    const unused = here.filter(([vendor, model, column]) =>
      rows
        .filter(([v, name]) => v === vendor && (model === "*" || model === name))
        .every(([v, name, row]) => !differences(v, name, row).some((difference) => difference["column"] === column)),
    );
    expect(unused).toEqual([]);
  });
});

describe("pixel tables", () => {
  const NAMES = { "linkai-gpt-image-2": "gpt-image-2" } as Record<string, string>;
  it.each(Object.entries(tables))("the pixels of %s agree with the fixture", (name, table) => {
    expect((PIXELS as Record<string, unknown>)[NAMES[name] ?? name]).toEqual(table);
  });
});
