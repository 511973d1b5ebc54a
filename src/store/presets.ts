import type { Preset } from "../access/presets.ts";
import { lruSet } from "../lru.ts";
import { retryOnce, putJson, pagesOf } from "./objects.ts";

/** An isolate that shows what is drawn already asks R2 for its preset again after this. */
const FRESH_MS = 30_000;
/** Presets remembered, and names that have none. */
const MOST = 1_000;

const PREFIX = "presets/";
const keyOf = (name: string) => `${PREFIX}${name}.json`;

type Memory = Map<string, { preset: Preset | undefined; at: number }>;
/** By bucket, which is to say once. */
const memories = new WeakMap<R2Bucket, Memory>();

/** A preset as it is now; undefined where there is none. */
export async function getStoredPreset(bucket: R2Bucket, name: string, now: number): Promise<Preset | undefined> {
  const object = await bucket.get(keyOf(name));
  const preset = object === null ? undefined : await object.json<Preset>();
  cachePreset(bucket, name, preset, now);
  return preset;
}

/** A preset as it was half a minute ago at the latest; what was put here is known at once. */
export async function getCachedPreset(bucket: R2Bucket, name: string, now: number): Promise<Preset | undefined> {
  const known = memories.get(bucket)?.get(name);
  if (known !== undefined && Math.abs(now - known.at) < FRESH_MS) return known.preset;
  return getStoredPreset(bucket, name, now);
}

/** Keeps a preset, in place of one of the same name. */
export async function putPreset(bucket: R2Bucket, name: string, preset: Preset, now: number): Promise<void> {
  await retryOnce(() => putJson(bucket, keyOf(name), preset));
  cachePreset(bucket, name, preset, now);
}

export async function deletePreset(bucket: R2Bucket, name: string, now: number): Promise<void> {
  await bucket.delete(keyOf(name));
  cachePreset(bucket, name, undefined, now);
}

/** Every preset there is, by name. */
export async function listPresets(bucket: R2Bucket): Promise<Map<string, Preset>> {
  const names: string[] = [];
  for await (const page of pagesOf(bucket, { prefix: PREFIX }))
    names.push(...page.map(({ key }) => key.slice(PREFIX.length, -".json".length)));
  const now = Date.now();
  const presets = await Promise.all(
    names.map(async (name) => [name, await getStoredPreset(bucket, name, now)] as const),
  );
  return new Map(presets.flatMap(([name, preset]) => (preset === undefined ? [] : [[name, preset] as const])));
}

/** As the one read last; the one read longest ago leaves. */
function cachePreset(bucket: R2Bucket, name: string, preset: Preset | undefined, at: number): void {
  const memory: Memory = memories.get(bucket) ?? new Map();
  memories.set(bucket, memory);
  lruSet(memory, name, { preset, at }, MOST);
}
