import type { Env, Config } from "../env.ts";
import type { GenerationRecord } from "../image/record.ts";
import type { StoredJob } from "../store/jobs.ts";
import type { Lanes } from "./semaphore.ts";

/** One accepted request. */
export interface Job extends StoredJob {
  env: Env;
  config: Config;
  /** Set where others rely on it being drawn once: its start is noted before any vendor is asked, and kept alive. */
  owned?: boolean | undefined;
  /** Set where it is begun again after a failure that may pass: such a failure does not end it. */
  again?: boolean | undefined;
  /** Set where it comes from the queue, and is listed as its owner's since then. */
  queued?: boolean | undefined;
  /** Set where several generations share one invocation, and so its connections. */
  lanes?: Lanes | undefined;
  /** Told as soon as it is known who draws, so that an error can say so too. */
  chosen?(record: Pick<GenerationRecord, "vendor" | "model" | "warnings">): void;
  /** Keeps the isolate at work after the answer, or after the client left. */
  waitUntil(work: Promise<unknown>): void;
}
