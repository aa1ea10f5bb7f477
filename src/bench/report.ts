/** Formats measurements as tables for the terminal, and defines the document that `--json` prints. */
import { table } from '../cli/terminal.js';
import type { NetworkProfile } from '../index.js';
import { kernelsOf, type Run } from './measure.js';
import { peerRow } from './peer.js';
import type { RooflineRow, Work } from './roofline.js';
import type { Skipped } from './skipped.js';

export interface CaseResult {
  readonly model: string;
  readonly batch: number;
  readonly inputSize: readonly [height: number, width: number];
  readonly runs: readonly Run[];
  /** Peers that cannot run here. */
  readonly skipped: readonly Skipped[];
}

export interface System {
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** The load average of the minute before the start. */
  readonly load: number;
}

/** The `--json` document. */
export interface BenchReport {
  /** The real adapter. */
  readonly adapter: string | null;
  /** The GPU that `--as` presented to every library instead. */
  readonly presentedAs: string | null;
  readonly backend: string;
  readonly browser: string | null;
  readonly date: string;
  readonly system: System;
  /** Package → version, of every library measured. */
  readonly versions: Readonly<Record<string, string>>;
  readonly cases: readonly CaseResult[];
}

const HEADINGS = [
  'peer',
  'kernels',
  'warm ms',
  'p10',
  'p90',
  'n',
  '× ours',
  'cold ms',
  '× ours',
  'dispatches',
  'submits',
  'buffers',
  'live MB',
  'peak MB',
  'download KB',
  'rel. error',
] as const;

export function caseLines({ model, batch, inputSize, runs, skipped }: CaseResult): string[] {
  const rows = runs.map((run) => [
    run.name,
    kernelsOf(run) ?? '-',
    milliseconds(run.warmMedianMs),
    milliseconds(run.p10),
    milliseconds(run.p90),
    String(run.samples),
    factor(run.ratio),
    milliseconds(run.coldMs),
    factor(run.coldRatio),
    whole(run.dispatches),
    whole(run.submits),
    whole(run.buffersCreated),
    scaled(run.liveGpuBytes, 1e6),
    scaled(run.peakGpuBytes, 1e6),
    scaled(run.downloadBytes, 1e3),
    run.maxRelError === null ? '-' : run.maxRelError.toExponential(1),
  ]);
  const failures = runs.flatMap(({ name, error }) => (error === null ? [] : [`  ${name} FAILED: ${error}`]));
  const absent = skipped.map(({ name, reason }) => `  ${name} skipped: ${reason}`);
  const lines = table([[...HEADINGS], ...rows]).map((line) => `  ${line}`);
  return [`${model}, batch ${batch}, ${inputSize.join('×')}, f32`, ...lines, ...failures, ...absent];
}

export function legend(runs: readonly Run[]): string[] {
  return table(runs.map(({ name }) => [name, peerRow(name).title])).map((line) => `  ${line}`);
}

export function profileLines({ steps, milliseconds: wall, resolution, ceiling }: NetworkProfile): string[] {
  const rows = steps.map((step) => [
    step.name,
    step.kernel,
    step.microseconds === null ? '-' : step.microseconds.toFixed(0),
    (step.macs / 1e6).toFixed(1),
    (step.bytesRead / 1e3).toFixed(0),
    (step.bytesWritten / 1e3).toFixed(0),
    step.gflops === null ? '-' : step.gflops.toFixed(1),
    step.ofCeiling === null ? '-' : `${(100 * step.ofCeiling).toFixed(0)} %`,
  ]);
  const headings = ['step', 'kernel', 'µs', 'MMAC', 'KB read', 'KB written', 'GFLOP/s', 'of ceiling'];
  const whole = `Whole call ${wall.toFixed(2)} ms.`;
  const lines = table([headings, ...rows]);
  if (resolution === null || ceiling === null)
    return [...lines, `This device has no timestamp-query: only the whole call could be timed. ${whole}`];
  const total = steps.reduce((sum, { microseconds }) => sum + (microseconds ?? 0), 0);
  return [
    ...lines,
    `GPU ${(total / 1000).toFixed(2)} ms by timestamps in steps of ${resolution} µs. ${whole}`,
    `Ceiling, measured: ${ceiling.gflops.toFixed(1)} GFLOP/s of f32 fma, ${ceiling.gigabytesPerSecond.toFixed(1)} GB/s of a copy's reads and writes; a step's least time is the longer of the two.`,
  ];
}

export function rooflineLines(
  title: string,
  { macs, macsPoolFirst, bytes }: Work,
  rows: readonly RooflineRow[],
): string[] {
  const body = rows.map((row) => [
    row.device,
    row.computeMs.toFixed(3),
    row.memoryMs.toFixed(3),
    row.leastMs.toFixed(3),
  ]);
  const work = `${giga(macs)} GMAC (${giga(macsPoolFirst)} pool-first), ${(bytes / 1e6).toFixed(1)} MB`;
  return [
    `${title}: ${work}`,
    ...table([['device', 'compute ms', 'memory ms', 'least ms'], ...body]).map((line) => `  ${line}`),
  ];
}

const giga = (value: number): string => (value / 1e9).toFixed(3);
const whole = (value: number | null): string => (value === null ? '-' : String(value));
const scaled = (value: number | null, unit: number): string => (value === null ? '-' : (value / unit).toFixed(1));
const factor = (value: number | null): string => (value === null ? '-' : value.toFixed(value < 10 ? 2 : 1));
const milliseconds = (value: number | null): string => (value === null ? '-' : value.toFixed(value < 100 ? 2 : 0));
