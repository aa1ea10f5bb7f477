/**
 * The built package on every WebGPU found here: each check of the suite passes, or its feature is absent.
 *
 * The short form runs all checks in one context of each platform and the core in the others. CONFORMANCE=all runs all
 * checks everywhere, and the slow ones on one platform; CONFORMANCE=write also writes the table in the README.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKAGE } from '../../src/cli/files.js';
import type { RunningServer } from '../../src/cli/server.js';
import type { Extent } from './lab.js';
import { type OpenPlatform, PLATFORMS, type Platform, SUITE_MS, serveSuite } from './platforms.js';
import { checksOf, type Report } from './suite.js';
import { NO_WEBGPU, readTable, rowOf, type TableRow, writeTable } from './table.js';

const MODE = process.env.CONFORMANCE;
const rows: TableRow[] = [];
let server: RunningServer;

beforeAll(async () => {
  server = await serveSuite(MODE !== undefined);
});
afterAll(async () => {
  await server?.close();
  if (MODE === 'write') writeTable({ checks: checksOf('all').length, rows });
});

function extentOf({ contexts, isQuickest }: Platform, context: string): Extent {
  if (MODE !== undefined) return isQuickest ? 'all and long' : 'all';
  return context === contexts[0] ? 'all' : 'core';
}

describe.each(PLATFORMS)('$name on $driver conforms', (platform) => {
  const missing = platform.missing();
  const reports = new Map<string, Report>();
  let open: OpenPlatform;
  beforeAll(async () => {
    if (missing === null) open = await platform.open(server);
  });
  afterAll(async () => {
    await open?.close();
    if (open) rows.push(rowOf({ platform, version: open.version, reports }));
  });

  it.skipIf(missing).each([...platform.contexts])(
    'in a %s',
    async (context) => {
      const report = await open.run(context, extentOf(platform, context));
      reports.set(context, report);
      if (MODE !== undefined) print(`${platform.name}, ${platform.driver}, ${context}`, report);
      expect(report.outcomes.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
      // Only some service workers have no WebGPU.
      if (context !== 'service worker') expect(report.adapter).not.toBeNull();
    },
    SUITE_MS,
  );
});

describe('the bundles', () => {
  const dist = join(PACKAGE, 'dist');
  it.each(readdirSync(dist).filter((file) => file.endsWith('.js')))('%s uses no eval and no wasm', (file) => {
    expect(readFileSync(join(dist, file), 'utf8')).not.toMatch(/\beval\(|new Function|WebAssembly/);
  });
});

describe('the table of the README', () => {
  const withoutVersion = ({ platform, adapter }: TableRow) => `${platform.replace(/ [\d.]+/, '')} on ${adapter}`;

  it.skipIf(MODE === 'write')('lists these checks, platforms and contexts, and no failure', () => {
    const table = readTable();
    expect(table.checks).toBe(checksOf('all').length);
    expect(table.rows.map(withoutVersion)).toEqual(PLATFORMS.map(({ name, driver }) => `${name} on ${driver}`));
    for (const [r, { contexts, absent, passed, checks }] of table.rows.entries()) {
      const without = absent
        .filter((feature) => feature.startsWith(NO_WEBGPU))
        .map((in_) => in_.slice(NO_WEBGPU.length));
      expect([...contexts, ...without]).toEqual(PLATFORMS[r]?.contexts);
      expect(passed).toBe(checks);
    }
  });
});

function print(where: string, { adapter, outcomes }: Report): void {
  const lines = outcomes.map(
    ({ check, outcome, detail, milliseconds }) =>
      `  ${outcome} ${String(milliseconds).padStart(6)} ms  ${check}: ${detail}`,
  );
  console.log([`${where}: ${adapter ? adapter.features.join(', ') : 'no WebGPU'}`, ...lines].join('\n'));
}
