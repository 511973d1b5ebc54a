import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStage } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

/**
 * Two runtimes over the same storage, with the options of each: the first is killed in the middle of whatever it does by
 * then, and the second is told what the first one's part returned.
 */
export async function twoLives<T>(
  options: readonly [first: StageOptions, second: StageOptions],
  first: (stage: Stage) => Promise<T>,
  second: (stage: Stage, left: T) => Promise<void>,
): Promise<void> {
  const persist = await mkdtemp(join(tmpdir(), "easel-lives-"));
  const live = async <R>(own: StageOptions, part: (stage: Stage) => Promise<R>): Promise<R> => {
    const stage = await startStage({ ...own, persist });
    try {
      return await part(stage);
    } finally {
      await stage.stop();
    }
  };
  try {
    const left = await live(options[0], first);
    await live(options[1], (stage) => second(stage, left));
  } finally {
    await rm(persist, { recursive: true, force: true });
  }
}
