import type { StoredPicture } from "../image/request.ts";
import { updateObject } from "./objects.ts";
import { acquireClaim, type ClaimState } from "./claims.ts";
import { reverseTime, parseReverseTime } from "./ids.ts";

/** A tick of a schedule: the schedule's name and id, and when the tick was due, in milliseconds since the epoch. */
export interface Tick {
  name: string;
  schedule: string;
  at: number;
  /** The `since` of the schedule's times that this tick belongs to; absent for a manual run. */
  since?: number | undefined;
}

/** The picture of a tick: the first of its generation. */
export interface TickPicture {
  /** When the tick was due, in milliseconds since the epoch. */
  at: number;
  generation: string;
  picture: StoredPicture;
}

const tickOfKey = (key: string) => parseReverseTime(key.slice(key.lastIndexOf("/") + 1));

/** R2 keys of a schedule, by its id: the claim of each tick, the picture of each tick, and the counter. */
export const ticks = {
  folder: (schedule: string) => `ticks/${schedule}/`,
  claims: (schedule: string) => `ticks/${schedule}/claims/`,
  drawn: (schedule: string) => `ticks/${schedule}/drawn/`,
  count: (schedule: string) => `ticks/${schedule}/count`,
  claim: (schedule: string, tick: number) => ticks.claims(schedule) + reverseTime(tick),
  mark: (schedule: string, tick: number) => ticks.drawn(schedule) + reverseTime(tick),
};

/** How many ticks of a schedule have a number, and the numbers of the latest generations. */
interface Numbers {
  count: number;
  latest: (readonly [generation: string, count: number])[];
}

/** A tick whose start fails is started again within minutes, and must find its number. */
const REMEMBERED = 20;
const MAX_ERRORS = 5;
/** Keys that R2 lists, and deletes, in one call. */
const PAGE = 1_000;
const PAGES = 50;

/** Claim a tick, of the schedule with this id, for a generation; returns the claim that holds. A claim without a generation was pruned. */
export function claimTick(bucket: R2Bucket, schedule: string, tick: number, generation: string): Promise<ClaimState> {
  return acquireClaim(bucket, ticks.claim(schedule, tick), { generation, fingerprint: "", at: Date.now() });
}

/**
 * Number a tick's generation, from 1 in the order in which ticks start: two generations never get the same number, and a
 * generation that asks again gets its own.
 */
export function nextCount(bucket: R2Bucket, schedule: string, generation: string): Promise<number> {
  const key = ticks.count(schedule);
  const read = async () => {
    const object = await bucket.get(key);
    return { value: await numbersIn(object), etag: object?.etag };
  };
  // Many ticks may start at once, and each tries until it has a number.
  return updateObject<Numbers, number>(bucket, key, { read, maxErrors: MAX_ERRORS }, ({ value }) => {
    const known = value.latest.find(([id]) => id === generation);
    if (known !== undefined) return { keep: known[1] };
    const count = value.count + 1;
    const latest = [[generation, count] as const, ...value.latest].slice(0, REMEMBERED);
    return { write: { count, latest } satisfies Numbers, result: () => count };
  });
}

/** The stored numbers; none if there is no object, or one that cannot be read. */
async function numbersIn(object: R2ObjectBody | null): Promise<Numbers> {
  const numbers = await object?.json<Partial<Numbers> | null>().catch(() => null);
  return { count: Number(numbers?.count) || 0, latest: Array.isArray(numbers?.latest) ? numbers.latest : [] };
}

/** Record the picture of a tick under a key that sorts newest first: one listing finds the latest. */
export async function putTickPicture(
  bucket: R2Bucket,
  schedule: string,
  { at, generation, picture }: TickPicture,
): Promise<void> {
  const { key, type, width, height, bytes } = picture;
  const size = { width: String(width), height: String(height), bytes: String(bytes) };
  await bucket.put(ticks.mark(schedule, at), "", { customMetadata: { generation, key, type, ...size } });
}

/** The picture of a tick; null if there is none, or it was pruned. */
export async function getTickPicture(bucket: R2Bucket, schedule: string, tick: number): Promise<TickPicture | null> {
  const object = await bucket.head(ticks.mark(schedule, tick));
  return object === null ? null : tickPictureOf(object);
}

/** List the pictures of ticks before `before`, the latest tick first. */
export async function listTickPictures(
  bucket: R2Bucket,
  schedule: string,
  limit: number,
  before?: number,
): Promise<TickPicture[]> {
  const after = before === undefined ? {} : { startAfter: ticks.mark(schedule, before) };
  const listed: R2Object[] = [];
  // A page with metadata may have fewer objects than its limit.
  for (let cursor: string | undefined; listed.length < limit;) {
    const from = cursor === undefined ? after : { cursor };
    const options = {
      prefix: ticks.drawn(schedule),
      limit: limit - listed.length,
      include: ["customMetadata" as const],
    };
    const page = await bucket.list({ ...options, ...from });
    listed.push(...page.objects);
    if (!page.truncated) break;
    cursor = page.cursor;
  }
  return listed.map(tickPictureOf);
}

/** List the claimed ticks before `before`, the latest first. */
export async function listTicks(bucket: R2Bucket, schedule: string, limit: number, before?: number): Promise<number[]> {
  const after = before === undefined ? {} : { startAfter: ticks.claim(schedule, before) };
  const { objects } = await bucket.list({ prefix: ticks.claims(schedule), limit, ...after });
  return objects.map(({ key }) => tickOfKey(key));
}

/** Delete the ticks of a deleted schedule, up to a bound; what is left is unreachable. */
export async function deleteTicks(bucket: R2Bucket, schedule: string): Promise<void> {
  for (let pages = 0; pages < PAGES; pages++) {
    const { objects, truncated } = await bucket.list({ prefix: ticks.folder(schedule), limit: PAGE });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    if (!truncated) return;
  }
}

function tickPictureOf({ key, customMetadata = {} }: R2Object): TickPicture {
  const { generation = "", key: stored = "", type = "", width, height, bytes } = customMetadata;
  const picture = { key: stored, type, width: Number(width), height: Number(height), bytes: Number(bytes) };
  return { at: tickOfKey(key), generation, picture };
}
