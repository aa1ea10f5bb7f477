/**
 * The conformance suite: named checks of the built package for every WebGPU.
 *
 * Runs in a page, a worker, Node or Deno, and gets all it needs as a `Site`. `platforms.ts` runs it everywhere.
 */
import type { AdapterReport } from '../../src/index.js';
import { CHECKS, CORE, LONG_CHECKS } from './checks.js';
import { Absent, type Extent, Lab, type Site } from './lab.js';

export interface Outcome {
  readonly check: string;
  /** `absent`: the feature under test is missing; `detail` names it. */
  readonly outcome: 'passed' | 'failed' | 'absent';
  /** The largest error, the feature that is absent, or what went wrong. */
  readonly detail: string;
  readonly milliseconds: number;
}

/** Plain data, which any context can post. */
export interface Report {
  /** Null where there is no WebGPU at all; there are no outcomes then. */
  readonly adapter: AdapterReport | null;
  readonly outcomes: readonly Outcome[];
}

/** The longest that one check may take; software GPUs compile slowly. */
const CHECK_MS = 120_000;

/** Runs the checks in order. Never throws: a failure is an outcome. */
export async function conform(site: Site): Promise<Report> {
  if (!site.gpu) return { adapter: null, outcomes: [] };
  const lab = new Lab(site, site.gpu);
  const outcomes: Outcome[] = [];
  for (const [check, run] of checksOf(site.extent)) outcomes.push(await outcomeOf(check, () => run(lab)));
  const adapter = await lab.net().then(
    (net) => net.adapter,
    () => null,
  );
  for (const device of lab.devices) device.destroy();
  return { adapter, outcomes };
}

/** In order. */
export function checksOf(extent: Extent): readonly [string, (lab: Lab) => Promise<string>][] {
  const checks = Object.entries(CHECKS);
  if (extent === 'core') return checks.filter(([check]) => CORE.has(check));
  return extent === 'all' ? checks : [...checks, ...Object.entries(LONG_CHECKS)];
}

async function outcomeOf(check: string, run: () => Promise<string>): Promise<Outcome> {
  const start = performance.now();
  const ended = (outcome: Outcome['outcome'], detail: string): Outcome => {
    return { check, outcome, detail, milliseconds: Math.round(performance.now() - start) };
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs for ${CHECK_MS} ms`)), CHECK_MS);
  });
  try {
    return ended('passed', await Promise.race([run(), hang]));
  } catch (error) {
    if (error instanceof Absent) return ended('absent', error.message);
    return ended('failed', error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  } finally {
    clearTimeout(timer);
  }
}
