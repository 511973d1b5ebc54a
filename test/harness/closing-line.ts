import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with `N passed, N failed` (and `, N skipped` where there are any), alone on the last line. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 };
    for (const module of modules) {
      let failed = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "pending") continue;
        counts[state]++;
        if (state === "failed") failed++;
      }
      // A file that could not be loaded, or whose hooks failed, has no test to blame.
      if (failed === 0 && module.state() === "failed") counts.failed++;
    }
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  }
}
