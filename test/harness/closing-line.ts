import type { Reporter, TestModule } from "vitest/node";

/** A Vitest reporter that ends a run with one line: `N passed, N failed`, and `, N skipped` if there are any. */
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
      // A file that could not be loaded, or whose hooks failed, has no failed test: count the file.
      if (failed === 0 && module.state() === "failed") counts.failed++;
    }
    const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
  }
}
