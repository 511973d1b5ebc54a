// `npm run bench`: measure the Worker in workerd against bare handlers, from separate processes. See docs/performance.md.
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundle, weigh } from "./bundle.ts";
import { allCells, type Cell } from "./cells.ts";
import { type Findings, median, summarize } from "./findings.ts";
import { type Figures, measure, type MeasureOptions, measureStartUp, startProcess } from "./measure.ts";
import { MEMORY } from "./process.ts";
import { tables } from "./table.ts";
import { verdicts } from "./targets.ts";
import { WORKERD } from "./workerd.ts";

const HELP = `npm run bench                     three rounds of every cell: some minutes
npm run bench -- --quick          one short round: under a minute, and rough
npm run bench -- --only pass      cells whose name contains "pass", and what they are compared with
npm run bench -- --json           figures as JSON`;

const FULL = { rounds: 3, cellMs: 1_000, starts: 15 };
const QUICK = { rounds: 1, cellMs: 250, starts: 5 };
const BARE = `export default { fetch: () => new Response('{"ok":true}') };`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean" },
    only: { type: "string" },
    json: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  },
});
if (flags.help) console.log(HELP);
else await run(flags.quick ? QUICK : FULL);

async function run({ rounds, cellMs, starts }: typeof FULL): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "easel-bench-"));
  const servers = await Promise.all([startProcess("upstream.ts"), startProcess("bucket.ts")]);
  // End the processes and delete the folder.
  const stop = async () => {
    for (const server of servers) server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => void stop().then(() => process.exit(1)));
  try {
    const [upstream, bucket] = servers.map(({ port }) => port);
    const chosen = selectCells(allCells(`http://127.0.0.1:${upstream}`), flags.only);
    if (chosen.length === 0) throw new Error(`no cell's name contains "${flags.only}"`);
    await bundle("bench/worker.ts", folder);
    const options: MeasureOptions = { folder, bucket: bucket ?? 0, cellMs };
    const samples = await measureRounds(chosen, rounds, options);
    const findings = summarize(chosen, samples);
    if (flags.only === undefined) Object.assign(findings, await weighAndStart(options, starts));
    printFindings(chosen, findings, rounds);
  } finally {
    await stop();
  }
}

/** The cells with this text in their names, and their floors. */
function selectCells(all: Cell[], only: string | undefined): Cell[] {
  if (only === undefined) return all;
  const selectedIds = new Set(all.filter(({ id }) => id.includes(only)).flatMap(({ id, floor }) => [id, floor]));
  return all.filter(({ id }) => selectedIds.has(id));
}

/** Run every cell once per round, in alternating order, so that no cell always follows the same one. */
async function measureRounds(
  chosen: readonly Cell[],
  rounds: number,
  options: MeasureOptions,
): Promise<Map<string, Figures[]>> {
  const samples = new Map<string, Figures[]>(chosen.map(({ id }) => [id, []]));
  for (let round = 0; round < rounds; round++) {
    for (const cell of round % 2 === 0 ? chosen : chosen.toReversed()) {
      showProgress(`round ${round + 1} of ${rounds}: ${cell.id}`);
      samples.get(cell.id)?.push(await measure(cell, options));
    }
  }
  showProgress("");
  return samples;
}

async function weighAndStart({ folder, bucket }: MeasureOptions, starts: number): Promise<Partial<Findings>> {
  showProgress("bundle and start-up");
  const deployed = join(folder, "deployed");
  const weight = await weigh(deployed);
  await copyFile(join(deployed, "index.js"), join(folder, "index.js"));
  await writeFile(join(folder, "bare.js"), BARE);
  const differences: number[] = [];
  for (let start = 0; start < starts; start++) {
    const bare = await measureStartUp("bare.js", folder, bucket);
    differences.push((await measureStartUp("index.js", folder, bucket)) - bare);
  }
  showProgress("");
  return { weight, startUpMs: median(differences) };
}

function printFindings(chosen: readonly Cell[], findings: Findings, rounds: number): void {
  if (flags.json) {
    const { weight, startUpMs } = findings;
    const figures = Object.fromEntries(
      chosen.map(({ id }) => [
        id,
        { ...findings.cells.get(id), ratio: findings.ratios.get(id), ratioByCpu: findings.ratiosByCpu.get(id) },
      ]),
    );
    console.log(
      JSON.stringify(
        {
          workerd: WORKERD,
          rounds,
          disturbed: findings.disturbed,
          cells: figures,
          weight,
          startUpMs,
          targets: verdicts(findings),
        },
        null,
        2,
      ),
    );
    return;
  }
  console.log(
    `workerd ${WORKERD}, Node ${process.version}; medians of ${rounds}; memory is ${MEMORY}, peak above idle.\n`,
  );
  console.log(tables(chosen, findings));
  if (findings.disturbed)
    console.log(
      "\nworkerd waited for a core: other work disturbed this run, so ratios are judged by CPU. Run it again.",
    );
}

/** Show progress on one line that is overwritten. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
