import { type Env, configOf } from "../env.ts";
import { forget, send } from "../generate/enqueue.ts";
import { log } from "../log.ts";
import { getJob, listPending, putJob } from "../store/jobs.ts";
import { lifecycleOf } from "../store/records.ts";

/** In one run; the others have their turn in the next. */
const MOST = 100;

/**
 * Sends the messages of jobs again that should have come a lease ago and did not: a queue on a laptop forgets when it is
 * stopped, and any can be emptied by hand. To be called once a minute. Each is waited for twice as long as before, so that a
 * queue that is merely long does not fill up with them; what comes twice is drawn once.
 */
export async function resendStale(env: Env, now: number = Date.now()): Promise<void> {
  const { BUCKET, QUEUE } = env;
  const { leaseMs } = configOf(env).limits;
  let sent = 0;
  for await (const { id, due } of listPending(BUCKET)) {
    if (now - due < leaseMs) continue;
    const { at } = await lifecycleOf(BUCKET, id, Date.now(), leaseMs);
    if (at === "running") continue;
    const job = await getJob(BUCKET, id);
    // It was never accepted, or has ended: nobody needs what is left of it. A tick's was wanted as soon as it was claimed.
    if (at === "ended" || (at === "none" && job?.tick === undefined)) {
      await forget(BUCKET, id, job);
      continue;
    }
    // One that cannot be read goes the way of all poison.
    if (job !== null) await putJob(BUCKET, job, now + Math.max(0, now - job.receivedAt));
    await send(QUEUE, id);
    sent++;
    if (sent === MOST) break;
  }
  if (sent > 0) log("job.resent", { jobs: sent });
}
