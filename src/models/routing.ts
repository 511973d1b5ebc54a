import { isObject } from "../image/wire.ts";
import { parseVar } from "../limits.ts";

/** Who is asked next: one vendor, or several with weights, of which one is drawn first and the others after it. */
export type Step = string | Readonly<Record<string, number>>;
/** Model as in `GET /v1/models`, or `*` for any other → its steps. */
export type Routing = Readonly<Record<string, readonly Step[]>>;

/** Reads the var `ROUTING`. Throws, with the path and what is allowed, where it cannot mean anything. */
export function parseRouting(text: string | undefined, vendors: readonly string[]): Routing {
  if (text === undefined) return {};
  const routing = parseVar("ROUTING", text);
  if (!isObject(routing)) throw new Error("ROUTING must be an object: model, or *, to a list of vendors");
  for (const [model, steps] of Object.entries(routing)) {
    if (!Array.isArray(steps)) throw new Error(`ROUTING.${model} must be a list of vendors`);
    steps.forEach((step: unknown, index) => checkStep(step, `ROUTING.${model}[${index}]`, vendors));
  }
  return routing as Routing;
}

function checkStep(step: unknown, path: string, vendors: readonly string[]): void {
  const names = typeof step === "string" ? [step] : isObject(step) ? Object.keys(step) : [];
  if (names.length === 0) throw new Error(`${path} must be a vendor, or an object of vendors and their weights`);
  for (const name of names) {
    if (!vendors.includes(name))
      throw new Error(`${path} names ${name}, which is no vendor; there are: ${vendors.join(", ")}`);
    const weight = isObject(step) ? step[name] : 1;
    if (typeof weight !== "number" || !(weight >= 0)) throw new Error(`${path}.${name} must be a weight, 0 or more`);
  }
}

/**
 * `vendors` in the order in which a model's steps have them, the rest after them as they were; a weight of 0 takes one
 * away. `random` gives numbers from 0 to below 1.
 */
export function order(vendors: readonly string[], steps: readonly Step[] = [], random: () => number): string[] {
  const named = steps.flatMap((step) => (typeof step === "string" ? [step] : weightedShuffle(step, random)));
  const excluded = steps.flatMap((step) =>
    typeof step === "string" ? [] : Object.keys(step).filter((name) => step[name] === 0),
  );
  const ordered = [...new Set([...named, ...vendors])];
  return ordered.filter((name) => vendors.includes(name) && (!excluded.includes(name) || named.includes(name)));
}

/** The names in random order: each place goes to one of those left, in proportion to its weight. */
function weightedShuffle(weights: Readonly<Record<string, number>>, random: () => number): string[] {
  const remaining = Object.entries(weights).filter(([, weight]) => weight > 0);
  const names: string[] = [];
  while (remaining.length > 0) {
    let point = random() * remaining.reduce((sum, [, weight]) => sum + weight, 0);
    const index = remaining.findIndex(([, weight]) => (point -= weight) < 0);
    const [picked] = remaining.splice(index < 0 ? remaining.length - 1 : index, 1);
    if (picked !== undefined) names.push(picked[0]);
  }
  return names;
}
