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

/** Format a time as ticks appear in responses: UTC, without seconds when they are zero. */
export function tickOf(at: number): string {
  return new Date(at).toISOString().replace(":00.000Z", "Z");
}

/** Start one stage for a test file and delete all schedules after each test, so that none is due in the next test. */
export function useScheduleStage(options?: StageOptions): Stage {
  const stage = staged(options);
  afterEach(() => removeAllSchedules(stage));
  return stage;
}

let latest = 0;
/** Return a full hour at least 48 hours after the last one used: a missed schedule catches up for up to a day. */
export function freshHour(): number {
  latest = Math.max(latest, Math.ceil(Date.now() / HOUR) * HOUR) + 48 * HOUR;
  return latest;
}

/** Create or replace a schedule, with the admin token unless `headers` has another. */
export function put(stage: Stage, name: string, schedule: object, headers?: Record<string, string>) {
  const hourly = { cron: "0 * * * *", request: { model: PRO, prompt: "a cat" } };
  return stage.call("PUT", `/v1/schedules/${name}`, { ...hourly, ...schedule }, headers);
}

export function remove(stage: Stage, name: string, headers?: Record<string, string>) {
  return stage.call("DELETE", `/v1/schedules/${name}`, undefined, headers);
}

/** Delete every schedule, so that none is due in the next test. */
export async function removeAllSchedules(stage: Stage): Promise<void> {
  const { data } = await jsonOf<{ data: { name: string }[] }>(stage.get("/v1/schedules"));
  for (const { name } of data) await remove(stage, name);
}

/** Run the cron trigger of a minute. */
export function event(stage: Stage, at: number): Promise<void> {
  return stage.easel.scheduled(new Date(at), "* * * * *");
}

/** Wait until no job is queued or running. */
export async function waitUntilIdle(stage: Stage): Promise<void> {
  await until(async () => (await stage.keys("jobs/")).length === 0);
}

export function getHistory(stage: Stage, name: string, query = "?limit=100"): Promise<HistoryWire> {
  return jsonOf<HistoryWire>(stage.easel.fetch(`/s/${name}.json${query}`));
}

/** Return the ticks that succeeded, the oldest first. */
export async function drawn(stage: Stage, name: string): Promise<string[]> {
  const ticks: string[] = [];
  for (let query = "?limit=100"; ;) {
    const page = await getHistory(stage, name, query);
    ticks.push(...page.ticks.filter(({ status }) => status === "succeeded").map(({ tick }) => tick));
    if (page.more === null) return ticks.toReversed();
    query = `?limit=100&before=${page.more}`;
  }
}

/** Return the prompts that ListenHub received, in order. */
export function receivedPrompts(stage: Stage): string[] {
  return stage.listenhub.seen.map(({ body }) => (body as { prompt: string }).prompt);
}
