import { type Env, settingsOf } from "../env.ts";
import { redact } from "../errors.ts";
import { Lanes } from "../generate/lanes.ts";
import { log } from "../log.ts";
import { retryDelay } from "../policy/retry.ts";
import { type Batch, bury, draw, idOf, Poison } from "./deliver.ts";

/** Jobs at once, and calls to vendors for all of them: a Worker has six connections, and R2 needs some of them. */
const PARALLEL = 4;

/**
 * The consumer of both queues: has jobs drawn, and ends those that could not be. Each message is settled by itself; none is
 * ever thrown back with its batch.
 */
export async function consume({ queue, messages }: MessageBatch, env: Env, ctx: Batch["ctx"]): Promise<void> {
  const handle = queue.endsWith("-dead") ? bury : draw;
  const batch: Batch = { env, settings: settingsOf(env), ctx, from: Date.now(), calls: new Lanes(PARALLEL) };
  const lanes = new Lanes(PARALLEL);
  await Promise.all(messages.map((message) => lanes.run(() => settle(message, handle, batch))));
}

async function settle(message: Message, handle: typeof draw, batch: Batch): Promise<void> {
  let delaySeconds: number | undefined;
  try {
    delaySeconds = await handle(message, batch);
  } catch (thrown) {
    const { attempts } = message;
    log("job.failed", { generation: idOf(message), attempts, error: redact(String(thrown), batch.settings.secrets) });
    // Waiting mends no poison: it goes to the dead letters as fast as it can.
    delaySeconds = thrown instanceof Poison ? 0 : retryDelay(attempts, undefined, Math.random);
  }
  if (delaySeconds === undefined) message.ack();
  else message.retry({ delaySeconds });
}
