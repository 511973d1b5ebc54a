import type { StoredPicture } from "../image/request.ts";
import { WRITE_RETRY_MS } from "./objects.ts";
import { acquireClaim, type ClaimState } from "./claims.ts";
import { reverseTime, parseReverseTime } from "./ids.ts";

/** A tick of a schedule: its name, its id, and when it was due, in milliseconds since the epoch. */
export interface Tick {
  name: string;
  schedule: string;
  at: number;
  /** Since when the schedule had the times that this is one of; absent where it was run by hand. */
  since?: number | undefined;
}

/** What a schedule drew at a tick: its first picture. */
export interface TickPicture {
  /** When it was due. */
  at: number;
  generation: string;
  picture: StoredPicture;
}

const tickOf = (key: string) => parseReverseTime(key.slice(key.lastIndexOf("/") + 1));

/** R2 keys of a schedule, by its id: who draws at a tick, what was drawn, and how many there were. */
export const ticks = {
  folder: (schedule: string) => `ticks/${schedule}/`,
  claims: (schedule: string) => `ticks/${schedule}/claims/`,
  drawn: (schedule: string) => `ticks/${schedule}/drawn/`,
  count: (schedule: string) => `ticks/${schedule}/count`,
  claim: (schedule: string, tick: number) => ticks.claims(schedule) + reverseTime(tick),
  mark: (schedule: string, tick: number) => ticks.drawn(schedule) + reverseTime(tick),
};

/** How many ticks of a schedule have a number, and those of the latest generations. */
interface Numbers {
  count: number;
  latest: (readonly [generation: string, count: number])[];
}

/** Whose beginning fails is begun again within minutes. */
const REMEMBERED = 20;
const TRIES = 5;
const MOST_TRIES = 100;
/** What a listing and a deletion take at once. */
const PAGE = 1_000;
const PAGES = 50;

/** Claims a tick for a generation, in the schedule's `id`, or tells whose it is; without a generation it was pruned. */
export function claimTick(bucket: R2Bucket, schedule: string, tick: number, generation: string): Promise<ClaimState> {
  return acquireClaim(bucket, ticks.claim(schedule, tick), { generation, fingerprint: "", at: Date.now() });
}

/** The number of a tick's generation, from 1 on in the order in which they are begun: never the same for two, and the same again for one. */
export async function nextCount(bucket: R2Bucket, schedule: string, generation: string): Promise<number> {
  const key = ticks.count(schedule);
  for (let tries = 1; ; tries++) {
    const seen = await bucket.get(key);
    const { count: before, latest } = await numbersIn(seen);
    const own = latest.find(([id]) => id === generation);
    if (own !== undefined) return own[1];
    const count = before + 1;
    const numbers: Numbers = { count, latest: [[generation, count] as const, ...latest].slice(0, REMEMBERED) };
    const onlyIf = seen === null ? { etagDoesNotMatch: "*" } : { etagMatches: seen.etag };
    const put = await bucket.put(key, JSON.stringify(numbers), { onlyIf }).catch(async (error: unknown) => {
      if (tries >= TRIES) throw error;
      await scheduler.wait(WRITE_RETRY_MS);
    });
    if (put) return count;
    // Of many at once each tries until it has a number of its own.
    if (tries >= MOST_TRIES) throw new Error("others took every number");
  }
}

/** None so far where there is nothing, or nothing that can be read. */
async function numbersIn(object: R2ObjectBody | null): Promise<Numbers> {
  const numbers = await object?.json<Partial<Numbers> | null>().catch(() => null);
  return { count: Number(numbers?.count) || 0, latest: Array.isArray(numbers?.latest) ? numbers.latest : [] };
}

/** Notes what was drawn at a tick, where the latest picture is found by one listing. */
export async function putTickPicture(
  bucket: R2Bucket,
  schedule: string,
  { at, generation, picture }: TickPicture,
): Promise<void> {
  const { key, type, width, height, bytes } = picture;
  const size = { width: String(width), height: String(height), bytes: String(bytes) };
  await bucket.put(ticks.mark(schedule, at), "", { customMetadata: { generation, key, type, ...size } });
}

/** What was drawn at a tick; null where nothing was, or where it was pruned. */
export async function getTickPicture(bucket: R2Bucket, schedule: string, tick: number): Promise<TickPicture | null> {
  const object = await bucket.head(ticks.mark(schedule, tick));
  return object === null ? null : drawnOf(object);
}

/** What was drawn, the latest tick first, of those before `before`. */
export async function listTickPictures(
  bucket: R2Bucket,
  schedule: string,
  limit: number,
  before?: number,
): Promise<TickPicture[]> {
  const after = before === undefined ? {} : { startAfter: ticks.mark(schedule, before) };
  const listed: R2Object[] = [];
  // With metadata a page may have fewer than were asked for.
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
  return listed.map(drawnOf);
}

/** The ticks that were claimed, the latest first, of those before `before`. */
export async function listTicks(bucket: R2Bucket, schedule: string, limit: number, before?: number): Promise<number[]> {
  const after = before === undefined ? {} : { startAfter: ticks.claim(schedule, before) };
  const { objects } = await bucket.list({ prefix: ticks.claims(schedule), limit, ...after });
  return objects.map(({ key }) => tickOf(key));
}

/** Forgets the ticks of a schedule that is deleted, as far as may be at once; nothing leads to what is left of them. */
export async function deleteTicks(bucket: R2Bucket, schedule: string): Promise<void> {
  for (let pages = 0; pages < PAGES; pages++) {
    const { objects, truncated } = await bucket.list({ prefix: ticks.folder(schedule), limit: PAGE });
    if (objects.length > 0) await bucket.delete(objects.map(({ key }) => key));
    if (!truncated) return;
  }
}

function drawnOf({ key, customMetadata = {} }: R2Object): TickPicture {
  const { generation = "", key: stored = "", type = "", width, height, bytes } = customMetadata;
  const picture = { key: stored, type, width: Number(width), height: Number(height), bytes: Number(bytes) };
  return { at: tickOf(key), generation, picture };
}
