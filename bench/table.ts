import type { Cell } from "./cells.ts";
import type { Findings } from "./findings.ts";
import { verdicts } from "./targets.ts";

/** The figures and the targets, as two Markdown tables. */
export function tables(cells: readonly Cell[], findings: Findings): string {
  const rows = cells.flatMap((cell) => {
    const figures = findings.cells.get(cell.id);
    if (figures === undefined) return [];
    const ratio = findings.ratios.get(cell.id);
    const small = cell.size === "tiny";
    return [
      [
        cell.id,
        small ? `${figures.requests.toFixed(0)} req/s` : `${figures.megabytes.toFixed(0)} MB/s`,
        cell.floor === undefined ? "1" : (ratio?.toFixed(2) ?? ""),
        cell.floor === undefined ? "1" : (findings.ratiosByCpu.get(cell.id)?.toFixed(2) ?? ""),
        small ? `${(figures.cpuPerRequest * 1000).toFixed(0)} µs/req` : `${figures.cpuPerMegabyte.toFixed(2)} ms/MB`,
        small ? "" : (figures.userPerMegabyte?.toFixed(2) ?? "?"),
        `+${figures.memory.toFixed(0)}`,
        figures.busy.toFixed(2),
        figures.waited.toFixed(2),
      ],
    ];
  });
  const goals = verdicts(findings).map(({ target, goal, reached, met }) => [
    target,
    goal,
    reached,
    met ? "met" : "missed",
  ]);
  return [
    markdownTable(["cell", "throughput", "÷ floor", "by CPU", "CPU", "user", "peak MiB", "busy", "waited"], rows),
    markdownTable(["target", "goal", "reached", ""], goals),
  ].join("\n\n");
}

function markdownTable(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) => Math.max(title.length, 3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
