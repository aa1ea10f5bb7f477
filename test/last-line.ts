/**
 * Ends the run with what was skipped, which tests that ATTACKS.md and RELIABILITY.md name did not run, and one plain line:
 * `N passed, N failed` and, if any, `, N skipped`.
 */
import type { Reporter, TestCase, TestModule, TestSuite, Vitest } from 'vitest/node';
import { claims, unmetClaims } from './claims.js';

export default class LastLine implements Reporter {
  private vitest: Vitest | null = null;

  onInit(vitest: Vitest): void {
    this.vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const unmet = this.unmet(modules);
    if (unmet.length > 0) process.exitCode = 1;
    const count = { passed: 0, failed: errors.length + unmet.length, skipped: 0, pending: 0 };
    const skippedIn = new Map<string, number>();
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      // A file that does not load has no tests to fail; it counts as one.
      if (module.state() === 'failed' && tests.every((test) => test.result().state !== 'failed')) count.failed += 1;
      for (const test of tests) {
        const { state } = test.result();
        count[state] += 1;
        if (state !== 'skipped' && state !== 'pending') continue;
        const where = `${module.relativeModuleId}: ${outermost(test).name}`;
        skippedIn.set(where, (skippedIn.get(where) ?? 0) + 1);
      }
    }
    const lines = [...skippedIn].map(([where, tests]) => `SKIPPED ${tests} of ${where}`);
    lines.push(...unmet.map((line) => `FAILED ${line}`));
    const skipped = count.skipped + count.pending;
    lines.push(`${count.passed} passed, ${count.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
    // After the other reporters, which print in the same tick.
    setTimeout(() => process.stdout.write(`${lines.join('\n')}\n`), 0);
  }

  /** Claims of the documents that the run did not meet; none for a run of some tests by name, which skips the others. */
  private unmet(modules: readonly TestModule[]): string[] {
    if (this.vitest?.config.testNamePattern) return [];
    const results = modules.map((module) => {
      const tests = [...module.children.allTests()];
      return [
        module.relativeModuleId,
        tests.map((test) => ({ fullName: test.fullName, state: test.result().state })),
      ] as const;
    });
    return unmetClaims(claims(), new Map(results));
  }
}

/** The promise (`describe`) that a test belongs to, or the test itself when it stands alone. */
function outermost(test: TestCase): TestCase | TestSuite {
  let found: TestCase | TestSuite = test;
  while (found.parent.type === 'suite') found = found.parent;
  return found;
}
