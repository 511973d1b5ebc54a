import { stripVTControlCharacters } from "node:util";
import { DefaultReporter } from "vitest/node";
import type { Reporter, TestCase, TestModule, TestSpecification, TestSuite } from "vitest/node";

/** Between two lines of progress. */
const EVERY_MS = 15_000;

/** The state of one project's run. */
interface Progress {
  files: number;
  ended: number;
  tests: number;
  failed: number;
  /** As of `Date.now()`; undefined until its first file starts. */
  startedAt: number | undefined;
}

/**
 * Print a line when a project starts, one every 15 seconds and one when it ends, every failure in full when it
 * happens, and the summary of vitest's default reporter. Nothing is redrawn, so a terminal and a log read the same.
 */
export default class ProgressReporter extends DefaultReporter implements Reporter {
  private readonly projects = new Map<string, Progress>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super({ summary: false });
    for (const stream of [process.stdout, process.stderr]) if (!stream.isTTY) printPlain(stream);
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications);
    this.projects.clear();
    for (const { project } of specifications) this.progressOf(project.name).files++;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.printAll(), EVERY_MS);
    this.timer.unref();
  }

  override onTestModuleQueued(module: TestModule): void {
    super.onTestModuleQueued(module);
    const { project } = module;
    const progress = this.progressOf(project.name);
    if (progress.startedAt !== undefined) return;
    progress.startedAt = Date.now();
    this.log(`${project.name}: ${counted(progress.files, "file")} to run`);
  }

  override onTestCaseResult(test: TestCase): void {
    super.onTestCaseResult(test);
    const { state } = test.result();
    if (state === "skipped") return;
    const progress = this.progressOf(test.project.name);
    progress.tests++;
    if (state !== "failed") return;
    progress.failed++;
    this.printFailure(test, test.fullName);
  }

  override onTestSuiteResult(suite: TestSuite): void {
    super.onTestSuiteResult(suite);
    this.printFailure(suite, suite.fullName);
  }

  override onTestModuleEnd(module: TestModule): void {
    super.onTestModuleEnd(module);
    this.printFailure(module);
    const { name } = module.project;
    const progress = this.progressOf(name);
    progress.ended++;
    if (progress.ended === progress.files) this.print(name, progress);
  }

  override onTestRunEnd(...args: Parameters<DefaultReporter["onTestRunEnd"]>): void {
    clearInterval(this.timer);
    super.onTestRunEnd(...args);
  }

  /** The default reporter prints a line per file and per slow test here. */
  override printTestModule(): void {}

  private progressOf(name: string): Progress {
    const known = this.projects.get(name) ?? { files: 0, ended: 0, tests: 0, failed: 0, startedAt: undefined };
    this.projects.set(name, known);
    return known;
  }

  private printAll(): void {
    for (const [name, progress] of this.projects)
      if (progress.startedAt !== undefined && progress.ended < progress.files) this.print(name, progress);
  }

  private print(name: string, { files, ended, tests, failed, startedAt }: Progress): void {
    const done = ended === files ? counted(files, "file") : `${ended} of ${counted(files, "file")}`;
    const failures = failed === 0 ? "" : `, ${failed} failed`;
    this.log(`${name}: ${done}, ${counted(tests, "test")}${failures}, ${duration(Date.now() - (startedAt ?? 0))}`);
  }

  /** A suite or a file has errors of its own where a hook fails or the file cannot be loaded. */
  private printFailure(entity: TestCase | TestSuite | TestModule, name?: string): void {
    const errors = entity.type === "test" ? entity.result().errors : entity.errors();
    if (errors === undefined || errors.length === 0) return;
    const file = entity.type === "module" ? entity : entity.module;
    this.error(`\nFAIL ${[file.project.name, file.relativeModuleId, name].filter(Boolean).join(" > ")}`);
    for (const error of errors) this.ctx.logger.printError(error, { project: file.project });
  }
}

/** Remove control codes: vitest colours its output whatever it is written to. */
function printPlain(stream: NodeJS.WriteStream): void {
  if (process.env["FORCE_COLOR"] !== undefined) return;
  const write = stream.write.bind(stream) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) =>
    write(typeof chunk === "string" ? stripVTControlCharacters(chunk) : chunk, ...rest);
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

/** `45 s`, `1 min 05 s`. */
function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const rest = seconds % 60;
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${String(rest).padStart(2, "0")} s`;
}
