import type { ModelSpec } from "./models.ts";
import type { Cost } from "./record.ts";
import type { Tier } from "./request.ts";

/** What so many pictures cost by the model's price list; undefined where nobody publishes it. `size` is the tier sent. */
export function priceOf({ price, defaultSize }: ModelSpec, size: Tier | undefined, pictures: number): Cost | undefined {
  if (price === undefined) return undefined;
  const tier = size ?? defaultSize;
  const each = typeof price.amount === "number" ? price.amount : tier && price.amount[tier];
  return each === undefined ? undefined : { amount: round(each * pictures), currency: price.currency };
}

/** The sum by currency, of calls to several vendors; undefined for none. */
export function totalCost(costs: readonly Cost[]): Cost[] | undefined {
  const sums = new Map<string, number>();
  for (const { amount, currency } of costs) sums.set(currency, round((sums.get(currency) ?? 0) + amount));
  return costs.length === 0 ? undefined : [...sums].map(([currency, amount]) => ({ amount, currency }));
}

/** Without the noise of binary fractions: prices have at most four decimals. */
function round(amount: number): number {
  return Math.round(amount * 1e6) / 1e6;
}
