import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startStage } from "./stage.ts";
import type { Stage, StageOptions } from "./stage.ts";

/**
 * Run `first` and `second` in two runtimes over the same storage, with the options of each. The first runtime is killed
 * when `first` returns, whatever it is doing by then; `second` gets its return value.
 */
export async function restartBetween<T>(
  options: readonly [first: StageOptions, second: StageOptions],
  first: (stage: Stage) => Promise<T>,
  second: (stage: Stage, result: T) => Promise<void>,
): Promise<void> {
  const persist = await mkdtemp(join(tmpdir(), "easel-lives-"));
  const runIn = async <R>(stageOptions: StageOptions, run: (stage: Stage) => Promise<R>): Promise<R> => {
    const stage = await startStage({ ...stageOptions, persist });
    try {
      return await run(stage);
    } finally {
      await stage.stop();
    }
  };
  try {
    const result = await runIn(options[0], first);
    await runIn(options[1], (stage) => second(stage, result));
  } finally {
    await rm(persist, { recursive: true, force: true });
  }
}
