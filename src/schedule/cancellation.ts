import type { Env } from "../env.ts";
import { isKeyId } from "../access/keys.ts";
import type { Generation } from "../store/jobs.ts";
import { findKey } from "../store/api-keys.ts";
import type { StoredRecord } from "../store/records.ts";
import { getScheduleSummary } from "../store/schedules.ts";
import { isStillScheduled } from "./tick.ts";

/** The recorded reason why a queued job is cancelled before any vendor is called. */
export type Cancellation = NonNullable<StoredRecord["error"]>;

const KEY_REVOKED = {
  code: "forbidden",
  message: "The key that asked for this was revoked before it was drawn; nothing was drawn.",
};
const SCHEDULE_CHANGED = {
  code: "forbidden",
  message: "The schedule was changed or deleted before this tick was drawn; nothing was drawn.",
};
export const UNDELIVERABLE = {
  code: "internal",
  message: "The generation could not be begun, however often it was tried; nothing was drawn.",
};

/** Return the reason why a queued job must not run any more, or undefined: jobs in the queue can still be cancelled. */
export async function cancellationReason(
  { principal, tick }: Generation,
  env: Pick<Env, "BUCKET" | "KV">,
): Promise<Cancellation | undefined> {
  // If KV cannot be read, the job still runs.
  const key = isKeyId(principal) ? await findKey(env.KV, principal, Date.now()).catch(() => null) : null;
  if (key?.revokedAt !== undefined) return KEY_REVOKED;
  const schedule = tick && (await getScheduleSummary(env.BUCKET, tick.name));
  return tick === undefined || (schedule && isStillScheduled(schedule, tick)) ? undefined : SCHEDULE_CHANGED;
}
