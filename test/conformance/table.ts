/** The README's table of where the package runs, made from the reports of a run. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE } from '../../src/cli/files.js';
import type { Platform } from './platforms.js';
import type { Report } from './suite.js';

/** A platform and what its contexts reported. */
export interface Result {
  readonly platform: Platform;
  readonly version: string;
  readonly reports: ReadonlyMap<string, Report>;
}

const README = join(PACKAGE, 'README.md');
const [BEGIN, END] = ['<!-- made by: npm run conformance -- --write -->\n', '<!-- end -->'];
/** Begins the entry of a context without WebGPU in `absent`. */
export const NO_WEBGPU = 'WebGPU in a ';
const HEAD = '| where | adapter | contexts | checks passed | not there |\n|---|---|---|---|---|\n';

/** What the README says of one platform. */
export interface TableRow {
  readonly platform: string;
  readonly adapter: string;
  readonly contexts: readonly string[];
  readonly passed: number;
  readonly checks: number;
  readonly absent: readonly string[];
}

export interface Table {
  /** Number of checks that each context ran. */
  readonly checks: number;
  readonly rows: readonly TableRow[];
}

export function rowOf({ platform, version, reports }: Result): TableRow {
  const all = [...reports];
  const outcomes = all.flatMap(([, report]) => report.outcomes);
  const passed = outcomes.filter(({ outcome }) => outcome === 'passed').length;
  const lacking = outcomes.filter(({ outcome }) => outcome === 'absent').map(({ detail }) => detail);
  const without = all.filter(([, { adapter }]) => adapter === null).map(([context]) => `${NO_WEBGPU}${context}`);
  const [name = '', ...rest] = platform.name.split(',');
  return {
    platform: [`${name} ${version}`, ...rest].join(','),
    adapter: platform.driver,
    contexts: all.filter(([, { adapter }]) => adapter !== null).map(([context]) => context),
    passed,
    checks: outcomes.length - lacking.length,
    absent: [...new Set([...lacking, ...without])],
  };
}

function lineOf({ platform, adapter, contexts, passed, checks, absent }: TableRow): string {
  return `| ${platform} | ${adapter} | ${contexts.join(', ')} | ${passed} of ${checks} | ${absent.join(', ') || '–'} |\n`;
}

/** Replaces the table in the README. */
export function writeTable({ checks, rows }: Table): void {
  const [before, , after] = parts();
  writeFileSync(README, [before, BEGIN, captionOf(checks), HEAD, ...rows.map(lineOf), END, after].join(''));
}

const captionOf = (checks: number): string =>
  `Every context passes the ${checks} checks of the [conformance suite](test/conformance/checks.ts) on the built package, but \
for those of what it lacks; among them are a device without any optional feature and with the default limits, on which \
DenseNet-121 runs too.\n\n`;

/** Reads the table of the README. */
export function readTable(): Table {
  const [caption = '', lines = ''] = parts()[1].split(HEAD);
  const checks = Number(/ (\d+) checks/.exec(caption)?.[1]);
  return { checks, rows: lines.trim().split('\n').map(rowIn) };
}

function rowIn(line: string): TableRow {
  const [platform = '', adapter = '', contexts = '', checks = '', absent = ''] = line.slice(2, -2).split(' | ');
  const [passed = Number.NaN, all = Number.NaN] = checks.split(' of ').map(Number);
  const list = (cell: string) => (cell === '–' ? [] : cell.split(', '));
  return { platform, adapter, contexts: list(contexts), passed, checks: all, absent: list(absent) };
}

function parts(): readonly [before: string, table: string, after: string] {
  const text = readFileSync(README, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no table between "${BEGIN.trim()}" and "${END}"`);
  return [text.slice(0, begin), text.slice(begin + BEGIN.length, end), text.slice(end + END.length)];
}
