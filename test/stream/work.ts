type Method = (this: unknown, ...args: never[]) => unknown;

const length = (value: unknown) => (value as { length: number }).length;
/** Return how many characters a search scanned: up to the hit, or to the end. */
const scannedChars = (text: unknown, from: unknown, hit: unknown) =>
  (Number(hit) < 0 ? length(text) : Number(hit) + 1) - (typeof from === "number" ? from : 0);

/** The cost of each native method that a scan uses, in scanned characters. */
const COSTS: [owner: object, name: string, cost: (self: unknown, args: unknown[], result: unknown) => number][] = [
  [String.prototype, "indexOf", (self, [, from], result) => scannedChars(self, from, result)],
  [String.prototype, "search", (self, _, result) => scannedChars(self, 0, result)],
  [String.prototype, "lastIndexOf", (self, _, result) => length(self) - Number(result)],
  [
    String.prototype,
    "includes",
    (self, [needle]) => scannedChars(self, 0, (self as string).match(literalPattern(needle))?.index ?? -1),
  ],
  [String.prototype, "replace", length],
  [String.prototype, "replaceAll", length],
  [String.prototype, "charCodeAt", () => 1],
  [RegExp.prototype, "test", (_, [text]) => length(text)],
  [JSON, "parse", (_, [text]) => length(text)],
  [Uint8Array.prototype, "setFromBase64", (_, [text]) => length(text)],
];

function literalPattern(needle: unknown): RegExp {
  return new RegExp(String(needle).replace(/[^\w ]/g, String.raw`\$&`));
}

/**
 * Count the characters that all native searches of `run` scan. Unlike time, the count is the same on every machine, and
 * it reveals a scan that starts over.
 */
export function countWork(run: () => void): number {
  let work = 0;
  let counting = true;
  const originals = COSTS.map(([owner, name, cost]) => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
    const original = descriptor.value as Method;
    const counted: Method = function counted(this: unknown, ...args: never[]) {
      const outer = counting;
      counting = false;
      try {
        const result = Reflect.apply(original, this, args);
        if (outer) work += cost(this, args, result);
        return result;
      } catch (error) {
        if (outer) work += length(args[0]);
        throw error;
      } finally {
        counting = outer;
      }
    };
    Object.defineProperty(owner, name, { ...descriptor, value: counted });
    return () => Object.defineProperty(owner, name, descriptor);
  });
  try {
    run();
  } finally {
    for (const restore of originals) restore();
  }
  return work;
}
