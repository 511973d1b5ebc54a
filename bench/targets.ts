import type { Findings } from "./findings.ts";

export interface Verdict {
  target: string;
  goal: string;
  reached: string;
  met: boolean;
}

interface Target {
  name: string;
  /** `min` is "at least", `max` is "at most". */
  min?: number;
  max?: number;
  unit?: string;
  value(findings: Findings): number | undefined;
}

const SIZED = ["24x1", "24x8", "8x1", "8x8", "1x1", "1x8"];
const ratio = (id: string) => (found: Findings) => (found.disturbed ? found.ratiosByCpu : found.ratios).get(id);
const memory = (id: string) => (found: Findings) => found.cells.get(id)?.memory;
const user = (id: string) => (found: Findings) => found.cells.get(id)?.userPerMegabyte;
const KIB = 1024;

const TARGETS: Target[] = [
  ...["extract", "pass"].flatMap((variant) =>
    SIZED.map((suffix) => ({
      name: `1. ${variant} ${suffix}`,
      min: suffix.startsWith("1x") ? 0.9 : 0.95,
      unit: "of floor",
      value: ratio(`${variant} ${suffix}`),
    })),
  ),
  ...(
    [
      ["24x1", 0.8],
      ["8x1", 0.7],
      ["1x1", 0.55],
    ] as const
  ).map(([suffix, min]) => ({
    name: `2. pass-length ${suffix}`,
    min,
    unit: "of floor-length",
    value: ratio(`pass-length ${suffix}`),
  })),
  { name: "3. extraction: extract 24x1 less pump", max: 0.1, unit: "ms/MB", value: extractionCost },
  ...["extract", "pass"].flatMap((variant) => [
    { name: `3. user CPU, ${variant} 24x1`, max: 0.4, unit: "ms/MB", value: user(`${variant} 24x1`) },
    { name: `4. memory, ${variant} 24x8`, max: 40, unit: "MiB", value: memory(`${variant} 24x8`) },
  ]),
  { name: "4. memory, pass-r2 24x8", max: 64, unit: "MiB", value: memory("pass-r2 24x8") },
  ...["base64-base64", "base64-url", "url-base64"].flatMap((variant) => [
    ...["24x1", "24x8"].map((suffix) => ({
      name: `5. ${variant} ${suffix}`,
      min: 0.7,
      unit: "of native",
      value: ratio(`${variant} ${suffix}`),
    })),
    { name: `5. memory, ${variant} 24x8`, max: 64, unit: "MiB", value: memory(`${variant} 24x8`) },
  ]),
  { name: "5. memory, references 9.3x1", max: 64, unit: "MiB", value: memory("references 9.3x1") },
  ...["small", "small-r2"].map((variant) => ({
    name: `6. ${variant}`,
    min: 0.85,
    unit: "of forward",
    value: ratio(`${variant} tinyx16`),
  })),
  { name: "7. bundle, gzip", max: 150, unit: "KiB", value: ({ weight }) => weight && weight.gzip / KIB },
  { name: "7. its core", max: 60, unit: "KiB", value: ({ weight }) => weight && weight.core / KIB },
  { name: "7. start-up above bare", max: 15, unit: "ms", value: ({ startUpMs }) => startUpMs },
];

/** The targets that were measured, with their results. */
export function verdicts(found: Findings): Verdict[] {
  return TARGETS.flatMap(({ name, min, max, unit = "", value }) => {
    const reached = value(found);
    if (reached === undefined) return [];
    const met = reached >= (min ?? -Infinity) && reached <= (max ?? Infinity);
    const digits = unit === "MiB" || unit === "KiB" || unit === "ms" ? 1 : 2;
    const goal = min === undefined ? `≤ ${max}` : `≥ ${min}`;
    return [{ target: name, goal: `${goal} ${unit}`, reached: reached.toFixed(digits), met }];
  });
}

function extractionCost({ cells }: Findings): number | undefined {
  const extract = cells.get("extract 24x1")?.cpuPerMegabyte;
  const pump = cells.get("pump 24x1")?.cpuPerMegabyte;
  return extract === undefined || pump === undefined ? undefined : extract - pump;
}
