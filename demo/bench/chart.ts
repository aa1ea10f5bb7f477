/** Results as bars and tables. */

import type { Run } from '../../src/bench/measure.js';
import { peerRow } from '../../src/bench/peer.js';
import type { CaseResult } from '../../src/bench/report.js';
import type { NetworkProfile } from '../../src/index.js';

function element<K extends keyof HTMLElementTagNameMap>(tag: K, text = '', className = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

interface Bar {
  readonly label: string;
  readonly value: number;
  readonly words: string;
  readonly ours: boolean;
}

/** Bars on one linear scale from zero. */
function bars(rows: readonly Bar[]): HTMLElement {
  const chart = element('div', '', 'chart');
  const most = Math.max(...rows.map(({ value }) => value));
  for (const { label, value, words, ours } of rows) {
    const bar = element('div', '', ours ? 'bar ours' : 'bar');
    bar.style.width = `${(100 * value) / most}%`;
    chart.append(element('span', label), bar, element('span', words, 'value'));
  }
  return chart;
}

const ms = (value: number): string => `${value < 100 ? value.toFixed(1) : value.toFixed(0)} ms`;
const times = (ratio: number | null): string => (ratio === null ? '' : `, ${ratio.toFixed(ratio < 10 ? 1 : 0)} × ours`);

function timeBars(runs: readonly Run[], time: 'warmMedianMs' | 'coldMs', ratio: 'ratio' | 'coldRatio'): HTMLElement {
  const known = runs.flatMap((run) => {
    const value = run[time];
    if (value === null) return [];
    const ours = run.name.startsWith('ours');
    return [{ label: run.name, value, words: ms(value) + (ours ? '' : times(run[ratio])), ours }];
  });
  return bars(known);
}

export function showCase({ model, batch, inputSize, runs, skipped }: CaseResult): HTMLElement {
  const section = element('section');
  section.append(
    element('h2', `${model}, ${batch === 1 ? 'one picture' : `${batch} pictures`} of ${inputSize.join('×')}`),
  );
  section.append(element('h3', 'Warm: one inference with its upload and readback, median'));
  section.append(timeBars(runs, 'warmMedianMs', 'ratio'));
  section.append(element('h3', 'Cold: library, model, compilation and first result'));
  section.append(timeBars(runs, 'coldMs', 'coldRatio'));
  const scroll = element('div', '', 'scroll');
  scroll.append(numbers(runs));
  section.append(scroll);
  for (const { name, error } of runs) {
    if (error !== null) section.append(element('p', `${name} failed: ${error}`, 'failed'));
  }
  for (const { name, reason } of skipped) section.append(element('p', `${name} skipped: ${reason}`));
  return section;
}

/** Heading → the cell's words; null where a peer cannot tell. */
const COLUMNS: Readonly<Record<string, (run: Run) => string | null>> = {
  kernels: ({ kernels }) => kernels,
  'p10 – p90': ({ p10, p90 }) => (p10 === null || p90 === null ? null : `${ms(p10)} – ${ms(p90)}`),
  n: ({ samples }) => String(samples),
  dispatches: ({ dispatches }) => dispatches?.toString() ?? null,
  submits: ({ submits }) => submits?.toString() ?? null,
  'buffers created': ({ buffersCreated }) => buffersCreated?.toString() ?? null,
  'GPU MB live': ({ liveGpuBytes }) => (liveGpuBytes === null ? null : (liveGpuBytes / 1e6).toFixed(1)),
  'GPU MB peak': ({ peakGpuBytes }) => (peakGpuBytes === null ? null : (peakGpuBytes / 1e6).toFixed(1)),
  'download KB': ({ downloadBytes }) => (downloadBytes === null ? null : (downloadBytes / 1e3).toFixed(1)),
  'logits differ by': ({ maxRelError }) => maxRelError?.toExponential(1) ?? null,
};

function numbers(runs: readonly Run[]): HTMLTableElement {
  const made = element('table');
  const head = made.createTHead().insertRow();
  for (const heading of ['library', ...Object.keys(COLUMNS)]) head.append(element('th', heading));
  const body = made.createTBody();
  for (const run of runs) {
    const row = body.insertRow();
    row.insertCell().append(peerRow(run.name).title);
    for (const cell of Object.values(COLUMNS)) row.insertCell().append(cell(run) ?? '–');
  }
  return made;
}

export function showProfile({ steps, milliseconds, resolution, ceiling }: NetworkProfile): HTMLElement {
  const section = element('section');
  section.append(element('h2', `Profile of ours: ${ms(milliseconds)} for the whole call`));
  if (resolution === null || ceiling === null) {
    section.append(element('p', 'This device has no timestamp-query, so only the whole call could be timed.'));
    return section;
  }
  section.append(
    element(
      'p',
      `GPU times in steps of ${resolution} µs. The adapter was measured to do ${ceiling.gflops.toFixed(1)} GFLOP/s and to move ${ceiling.gigabytesPerSecond.toFixed(1)} GB/s: a step could take no less than the longer of its two.`,
    ),
  );
  const timed = steps.map(({ name, kernel, microseconds, gflops, ofCeiling }) => {
    const rate = gflops === null ? '' : `, ${gflops.toFixed(1)} GFLOP/s`;
    const share = ofCeiling === null ? '' : `, ${(100 * ofCeiling).toFixed(0)} % of the ceiling`;
    const value = microseconds ?? 0;
    return { label: `${name} (${kernel})`, value, words: `${value.toFixed(0)} µs${rate}${share}`, ours: true };
  });
  section.append(bars(timed));
  return section;
}
