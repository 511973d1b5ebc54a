import { type Env, configOf } from "../env.ts";
import { cleanUpJob, sendMessage } from "../generate/enqueue.ts";
import { log } from "../log.ts";
import { getJob, listPending, putJob } from "../store/jobs.ts";
import { lifecycleOf } from "../store/records.ts";

/** Messages in one run; the others follow in the next. */
const MAX_SENT = 100;

/**
 * Send the messages of jobs again that were due a lease ago and have not arrived: a local queue loses its messages when it
 * stops, and any queue can be purged. To be called once a minute. The wait doubles each time, so that a long queue does not
 * fill with duplicates; a message that arrives twice runs once.
 */
export async function resendStale(env: Env, now: number = Date.now()): Promise<void> {
  const { BUCKET, QUEUE } = env;
  const { leaseMs } = configOf(env).limits;
  let sent = 0;
  for await (const { id, due } of listPending(BUCKET)) {
    if (now - due < leaseMs) continue;
    const { state } = await lifecycleOf(BUCKET, id, Date.now(), leaseMs);
    if (state === "running") continue;
    const job = await getJob(BUCKET, id);
    // It has ended, or was never accepted: what is left can go. A tick's job counts as accepted once the tick is claimed.
    if (state === "ended" || (state === "none" && job?.tick === undefined)) {
      await cleanUpJob(BUCKET, id, job);
      continue;
    }
    // The message of an unreadable job ends as a dead letter.
    if (job !== null) await putJob(BUCKET, job, now + Math.max(0, now - job.receivedAt));
    await sendMessage(QUEUE, id);
    sent++;
    if (sent === MAX_SENT) break;
  }
  if (sent > 0) log("job.resent", { jobs: sent });
}
