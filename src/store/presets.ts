import type { Preset } from "../access/presets.ts";
import { memoizeWeak, TtlCache } from "../memory.ts";
import { retryOnce, putJson, pagesOf } from "./objects.ts";

/** How long an isolate uses a preset for a stored picture before it reads R2 again. */
const FRESH_MS = 30_000;
/** Remembered presets, and names without one. */
const MAX_CACHED = 1_000;

const PREFIX = "presets/";
const keyOf = (name: string) => `${PREFIX}${name}.json`;

const cacheOf = memoizeWeak<R2Bucket, TtlCache<Preset | null>>(() => new TtlCache(MAX_CACHED));

/** Read a preset from R2; undefined if there is none. */
export async function getStoredPreset(bucket: R2Bucket, name: string, now: number): Promise<Preset | undefined> {
  const object = await bucket.get(keyOf(name));
  const preset = object === null ? null : await object.json<Preset>();
  cacheOf(bucket).set(name, preset, now);
  return preset ?? undefined;
}

/** A preset at most half a minute old; a change made in this isolate is seen at once. */
export async function getCachedPreset(bucket: R2Bucket, name: string, now: number): Promise<Preset | undefined> {
  const known = cacheOf(bucket).get(name, now, FRESH_MS);
  return known === undefined ? getStoredPreset(bucket, name, now) : (known ?? undefined);
}

/** Store a preset; one of the same name is replaced. */
export async function putPreset(bucket: R2Bucket, name: string, preset: Preset, now: number): Promise<void> {
  await retryOnce(() => putJson(bucket, keyOf(name), preset));
  cacheOf(bucket).set(name, preset, now);
}

export async function deletePreset(bucket: R2Bucket, name: string, now: number): Promise<void> {
  await bucket.delete(keyOf(name));
  cacheOf(bucket).set(name, null, now);
}

/** Read every stored preset, by name. */
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
