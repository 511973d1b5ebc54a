/** 32 well-mixed bits of a text (FNV-1a with a murmur3 finish); `salt` gives independent hashes. */
export function hash(text: string, salt = 0): number {
  let h = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return scramble(h);
}

/** 16 hex digits that stand for a text: a prompt is told apart by them, and cannot be read out of a URL. */
export function fingerprint(text: string): string {
  const half = (salt: number) => hash(text, salt).toString(16).padStart(8, "0");
  return half(1) + half(2);
}

/** Mixes an integer to 32 unsigned bits. */
export function scramble(n: number): number {
  let h = n ^ (n >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Numbers that follow from a key alone. */
export interface Random {
  /** From low, up to and not including high. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly [T, ...T[]]): T;
}

/** One stream of random numbers a key: `key/stars` does not shift when `key/hills` draws one more. */
export function random(key: string): Random {
  let state = hash(key);
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state) / 2 ** 32;
  };
  return {
    between: (low, high) => low + (high - low) * next(),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
  };
}
