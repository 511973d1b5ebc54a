import type { Weight } from "./bundle.ts";
import type { Cell } from "./cells.ts";
import type { Figures } from "./measure.ts";

/** The results of a run, without the cells that were not run. */
export interface Findings {
  cells: Map<string, Figures>;
  /** Throughput of a cell ÷ its floor's, and the floor's CPU ÷ the cell's. */
  ratios: Map<string, number>;
  ratiosByCpu: Map<string, number>;
  /** True if other work took cores away: throughput is then meaningless, and ratios are of CPU. */
  disturbed: boolean;
  weight?: Weight | undefined;
  /** Milliseconds more than a bare Worker. */
  startUpMs?: number | undefined;
}

/** More waiting than this share of the time is not caused by the benchmark's own processes. */
const QUIET = 0.15;

/** The medians of all rounds; for ratios, the medians of the rounds' ratios. */
export function summarize(chosen: readonly Cell[], samples: Map<string, Figures[]>): Findings {
  const findings: Findings = { cells: new Map(), ratios: new Map(), ratiosByCpu: new Map(), disturbed: false };
  for (const { id, floor = "" } of chosen) {
    const figures = samples.get(id) ?? [];
    findings.cells.set(id, medianFigures(figures));
    const floorFigures = samples.get(floor);
    if (floorFigures === undefined) continue;
    const medianRatio = (pick: (f: Figures, floor: Figures) => number) =>
      median(figures.flatMap((f, round) => (floorFigures[round] === undefined ? [] : pick(f, floorFigures[round]))));
    findings.ratios.set(
      id,
      medianRatio((f, floor) => f.requests / floor.requests),
    );
    findings.ratiosByCpu.set(
      id,
      medianRatio((f, floor) => floor.cpuPerRequest / f.cpuPerRequest),
    );
  }
  const bare = chosen.filter(({ variant }) => variant === "floor" || variant === "forward");
  findings.disturbed = median(bare.map(({ id }) => findings.cells.get(id)?.waited ?? 0)) > QUIET;
  return findings;
}

function medianFigures(all: readonly Figures[]): Figures {
  const medianOf = (pick: (figures: Figures) => number) => median(all.map(pick));
  return {
    megabytes: medianOf((f) => f.megabytes),
    requests: medianOf((f) => f.requests),
    cpuPerMegabyte: medianOf((f) => f.cpuPerMegabyte),
    userPerMegabyte: all[0]?.userPerMegabyte === undefined ? undefined : medianOf((f) => f.userPerMegabyte ?? 0),
    cpuPerRequest: medianOf((f) => f.cpuPerRequest),
    memory: medianOf((f) => f.memory),
    busy: medianOf((f) => f.busy),
    waited: medianOf((f) => f.waited),
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
