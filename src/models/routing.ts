import { isObject, parseVarObject } from "../json.ts";

/** The next vendor to call, or several vendors with weights, which are called in a weighted random order. */
export type Step = string | Readonly<Record<string, number>>;
/** Model name as in `GET /v1/models`, or `*` for every other model → its steps. */
export type Routing = Readonly<Record<string, readonly Step[]>>;

/** Parse the var `ROUTING`. Throws an Error that names the invalid path and what is allowed there. */
export function parseRouting(text: string | undefined, vendors: readonly string[]): Routing {
  if (text === undefined) return {};
  const routing = parseVarObject("ROUTING", text, "an object: model, or *, to a list of vendors");
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
 * Sort `vendors` by a model's steps; vendors that no step names follow in their given order. A weight of 0 removes a
 * vendor. `random` returns numbers from 0 to below 1.
 */
export function orderVendors(vendors: readonly string[], steps: readonly Step[] = [], random: () => number): string[] {
  const named = steps.flatMap((step) => (typeof step === "string" ? [step] : weightedShuffle(step, random)));
  const excluded = steps.flatMap((step) =>
    typeof step === "string" ? [] : Object.keys(step).filter((name) => step[name] === 0),
  );
  const ordered = [...new Set([...named, ...vendors])];
  return ordered.filter((name) => vendors.includes(name) && (!excluded.includes(name) || named.includes(name)));
}

/** Shuffle the names: each place goes to one of the remaining names, with a probability proportional to its weight. */
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
