import type { Cell } from "./cells.ts";
import type { Findings } from "./findings.ts";
import { verdicts } from "./targets.ts";

/** The figures and the targets, as two Markdown tables. */
export function tables(cells: readonly Cell[], found: Findings): string {
  const figures = cells.flatMap((cell) => {
    const f = found.cells.get(cell.id);
    if (f === undefined) return [];
    const ratio = found.ratios.get(cell.id);
    const small = cell.size === "tiny";
    return [
      [
        cell.id,
        small ? `${f.requests.toFixed(0)} req/s` : `${f.megabytes.toFixed(0)} MB/s`,
        cell.floor === undefined ? "1" : (ratio?.toFixed(2) ?? ""),
        cell.floor === undefined ? "1" : (found.ratiosByCpu.get(cell.id)?.toFixed(2) ?? ""),
        small ? `${(f.cpuPerRequest * 1000).toFixed(0)} µs/req` : `${f.cpuPerMegabyte.toFixed(2)} ms/MB`,
        small ? "" : (f.userPerMegabyte?.toFixed(2) ?? "?"),
        `+${f.memory.toFixed(0)}`,
        f.busy.toFixed(2),
        f.waited.toFixed(2),
      ],
    ];
  });
  const goals = verdicts(found).map(({ target, goal, reached, met }) => [
    target,
    goal,
    reached,
    met ? "met" : "missed",
  ]);
  return [
    table(["cell", "throughput", "÷ floor", "by CPU", "CPU", "user", "peak MiB", "busy", "waited"], figures),
    table(["target", "goal", "reached", ""], goals),
  ].join("\n\n");
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
