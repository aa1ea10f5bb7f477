/** Ends the run with one plain line: `N passed, N failed` and, if any, `, N skipped`. */
import type { Reporter, TestModule } from 'vitest/node';

export default class LastLine implements Reporter {
  private closing = '';

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      // A file that does not load has no tests to fail; it counts as one.
      if (
        module.state() === 'failed' &&
        [...module.children.allTests()].every((test) => test.result().state !== 'failed')
      ) {
        count.failed += 1;
      }
      for (const test of module.children.allTests()) count[test.result().state] += 1;
    }
    const skipped = count.skipped + count.pending;
    this.closing = `${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    // After the other reporters, which print in the same tick.
    setTimeout(() => process.stdout.write(`${this.closing}\n`), 0);
  }
}
