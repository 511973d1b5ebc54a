import { afterEach } from "vitest";
import { until } from "../sim/index.ts";
import { jsonOf, PRO, staged } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** One row of `/s/{name}.json`. */
export interface Row {
  tick: string;
  status: string;
  generation: string;
  url?: string;
  error?: string;
}

export interface HistoryWire {
  name: string;
  cron: string;
  timezone: string;
  next: string[];
  latest: string;
  ticks: Row[];
  more: string | null;
}

/** A tick as answers have it. */
export function tickOf(at: number): string {
  return new Date(at).toISOString().replace(":00.000Z", "Z");
}

/** The stage of one file's tests, whose schedules are gone after each: none is due in the next. */
export function clocked(options?: StageOptions): Stage {
  const stage = staged(options);
  afterEach(() => removeAll(stage));
  return stage;
}

let latest = 0;
/** A whole hour that no test before this one has come near: who was not looked after is caught up for a day. */
export function freshHour(): number {
  latest = Math.max(latest, Math.ceil(Date.now() / HOUR) * HOUR) + 48 * HOUR;
  return latest;
}

/** Makes a schedule, or another of it, with the admin's key unless told. */
export function put(stage: Stage, name: string, schedule: object, headers?: Record<string, string>) {
  const hourly = { cron: "0 * * * *", request: { model: PRO, prompt: "a cat" } };
  return stage.call("PUT", `/v1/schedules/${name}`, { ...hourly, ...schedule }, headers);
}

export function remove(stage: Stage, name: string, headers?: Record<string, string>) {
  return stage.call("DELETE", `/v1/schedules/${name}`, undefined, headers);
}

/** Deletes every schedule, so that none is due in the next test. */
export async function removeAll(stage: Stage): Promise<void> {
  const { data } = await jsonOf<{ data: { name: string }[] }>(stage.get("/v1/schedules"));
  for (const { name } of data) await remove(stage, name);
}

/** The event of a minute. */
export function event(stage: Stage, at: number): Promise<void> {
  return stage.easel.scheduled(new Date(at), "* * * * *");
}

/** Resolves once nothing is queued or being drawn. */
export async function idle(stage: Stage): Promise<void> {
  await until(async () => (await stage.keys("jobs/")).length === 0);
}

export function history(stage: Stage, name: string, query = "?limit=100"): Promise<HistoryWire> {
  return jsonOf<HistoryWire>(stage.easel.fetch(`/s/${name}.json${query}`));
}

/** Ticks that were drawn, the oldest first. */
export async function drawn(stage: Stage, name: string): Promise<string[]> {
  const ticks: string[] = [];
  for (let query = "?limit=100"; ;) {
    const page = await history(stage, name, query);
    ticks.push(...page.ticks.filter(({ status }) => status === "succeeded").map(({ tick }) => tick));
    if (page.more === null) return ticks.toReversed();
    query = `?limit=100&before=${page.more}`;
  }
}

/** What the vendor was asked to draw, in the order in which it was asked. */
export function prompts(stage: Stage): string[] {
  return stage.listenhub.seen.map(({ body }) => (body as { prompt: string }).prompt);
}
