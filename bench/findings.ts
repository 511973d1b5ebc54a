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
  const found: Findings = { cells: new Map(), ratios: new Map(), ratiosByCpu: new Map(), disturbed: false };
  for (const { id, floor = "" } of chosen) {
    const own = samples.get(id) ?? [];
    found.cells.set(id, medianFigures(own));
    const base = samples.get(floor);
    if (base === undefined) continue;
    const against = (pick: (f: Figures, floor: Figures) => number) =>
      median(own.flatMap((f, round) => (base[round] === undefined ? [] : pick(f, base[round]))));
    found.ratios.set(
      id,
      against((f, floor) => f.requests / floor.requests),
    );
    found.ratiosByCpu.set(
      id,
      against((f, floor) => floor.cpuPerRequest / f.cpuPerRequest),
    );
  }
  const bare = chosen.filter(({ variant }) => variant === "floor" || variant === "forward");
  found.disturbed = median(bare.map(({ id }) => found.cells.get(id)?.waited ?? 0)) > QUIET;
  return found;
}

function medianFigures(all: readonly Figures[]): Figures {
  const of = (pick: (figures: Figures) => number) => median(all.map(pick));
  return {
    megabytes: of((f) => f.megabytes),
    requests: of((f) => f.requests),
    cpuPerMegabyte: of((f) => f.cpuPerMegabyte),
    userPerMegabyte: all[0]?.userPerMegabyte === undefined ? undefined : of((f) => f.userPerMegabyte ?? 0),
    cpuPerRequest: of((f) => f.cpuPerRequest),
    memory: of((f) => f.memory),
    busy: of((f) => f.busy),
    waited: of((f) => f.waited),
  };
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
