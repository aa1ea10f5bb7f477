/** Draws results: one row for each library with its time, memory and download; all figures in a table below. */
import { kernelsOf, type Run } from '../../src/bench/measure.js';
import { peerRow } from '../../src/bench/peer.js';
import type { CaseResult } from '../../src/bench/report.js';
import type { NetworkProfile } from '../../src/index.js';
import { make, table } from '../dom.js';
import { comparison, describePlaces, duration, placeOf } from './words.js';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
const kilobytes = (bytes: number): string => `${Math.round(bytes / 1e3).toLocaleString('en')} KB`;
const known = (value: number | null, format: (value: number) => string): string | null =>
  value === null ? null : format(value);
const isOurs = ({ name }: Run): boolean => name.startsWith('ours');

export function showCase({ model, batch, inputSize, runs, skipped }: CaseResult, adapter: string | null): HTMLElement {
  const images = batch === 1 ? 'one image' : `${batch} images`;
  const names = runs.map(({ name }) => name);
  const most = Math.max(...runs.map(({ warmMedianMs }) => warmMedianMs ?? 0));
  return make(
    'section',
    { className: 'panel result' },
    make('h2', {}, `${model}, ${images} of ${inputSize.join('×')}`),
    make(
      'p',
      { className: 'note' },
      `${describePlaces(names, adapter)} Bars: one inference with its upload and readback, median.`,
    ),
    make('ol', { className: 'rows' }, ...runs.map((run) => rowOf(run, most, adapter))),
    ...skipped.map(({ name, reason }) => make('p', { className: 'note' }, `${name} is skipped: ${reason}`)),
    allFigures(runs),
  );
}

/** @param most the longest time of all rows, for the bars */
function rowOf(run: Run, most: number, adapter: string | null): HTMLLIElement {
  const { name, warmMedianMs, ratio, error } = run;
  const place = placeOf(name, adapter);
  const head = make('p', { className: 'head' }, make('b', {}, name), ` ${peerRow(name).title} `);
  head.append(make('span', { className: 'origin' }, place));
  const row = make('li', { className: isOurs(run) ? 'ours' : '' }, head);
  if (error !== null) {
    row.append(make('p', { className: 'failed' }, `failed: ${error}`));
    return row;
  }
  const bar = make('span', { className: 'bar' });
  bar.style.inlineSize = `${(100 * (warmMedianMs ?? 0)) / most}%`;
  const verdict = ratio === null || isOurs(run) ? '' : `, ${comparison(ratio)}`;
  row.append(
    make('div', { className: 'track' }, bar),
    make('p', {}, make('b', { className: 'figure' }, known(warmMedianMs, duration) ?? '–'), verdict),
    costsOf(run),
  );
  return row;
}

/** First result, memory and download, which decide as often as speed does. */
function costsOf(run: Run): HTMLElement {
  const { coldMs, coldRatio, peakGpuBytes, downloadBytes } = run;
  const cold = known(coldMs, duration) ?? '–';
  const costs: Readonly<Record<string, string>> = {
    'first result': coldRatio === null || isOurs(run) ? cold : `${cold}, ${comparison(coldRatio)}`,
    'GPU memory': known(peakGpuBytes, megabytes) ?? '–',
    download: known(downloadBytes, kilobytes) ?? '–',
  };
  const items = Object.entries(costs).map(([term, text]) =>
    make('div', {}, make('dt', {}, term), make('dd', {}, text)),
  );
  return make('dl', { className: 'costs' }, ...items);
}

/** Heading → cell; null where a peer does not report it. */
const COLUMNS: Readonly<Record<string, (run: Run) => string | null>> = {
  kernels: kernelsOf,
  median: ({ warmMedianMs }) => known(warmMedianMs, duration),
  'p10 – p90': ({ p10, p90 }) => (p10 === null || p90 === null ? null : `${duration(p10)} – ${duration(p90)}`),
  n: ({ samples }) => String(samples),
  'first result': ({ coldMs }) => known(coldMs, duration),
  dispatches: ({ dispatches }) => dispatches?.toString() ?? null,
  submits: ({ submits }) => submits?.toString() ?? null,
  'buffers created': ({ buffersCreated }) => buffersCreated?.toString() ?? null,
  'GPU memory live': ({ liveGpuBytes }) => known(liveGpuBytes, megabytes),
  'GPU memory peak': ({ peakGpuBytes }) => known(peakGpuBytes, megabytes),
  download: ({ downloadBytes }) => known(downloadBytes, kilobytes),
  'logits differ by': ({ maxRelError }) => maxRelError?.toExponential(1) ?? null,
};

function allFigures(runs: readonly Run[]): HTMLElement {
  const rows = runs.map((run) => [run.name, ...Object.values(COLUMNS).map((cell) => cell(run) ?? '–')]);
  const scroll = make('section', { className: 'scroll', tabIndex: 0, ariaLabel: 'All figures' });
  scroll.append(table(['library', ...Object.keys(COLUMNS)], rows));
  return make('details', {}, make('summary', {}, 'All figures'), scroll);
}

export function showProfile({ steps, milliseconds, resolution, ceiling }: NetworkProfile): HTMLElement {
  const section = make('section', { className: 'panel result' });
  section.append(make('h2', {}, `Profile of ours: ${duration(milliseconds)} for the whole call`));
  if (resolution === null || ceiling === null) {
    section.append(make('p', {}, 'This device has no timestamp-query, so only the whole call was timed.'));
    return section;
  }
  const { gflops, gigabytesPerSecond } = ceiling;
  section.append(
    make(
      'p',
      { className: 'note' },
      `GPU times are multiples of ${resolution} µs. The adapter was measured at ${gflops.toFixed(1)} GFLOP/s and ${gigabytesPerSecond.toFixed(1)} GB/s; from these follows the least time of each step.`,
    ),
  );
  const most = Math.max(...steps.map(({ microseconds }) => microseconds ?? 0));
  const rows = steps.map(({ name, kernel, microseconds, gflops: rate, ofCeiling }) => {
    const time = microseconds ?? 0;
    const bar = make('span', { className: 'bar' });
    bar.style.inlineSize = `${(100 * time) / most}%`;
    const speed = rate === null ? '' : `, ${rate.toFixed(1)} GFLOP/s`;
    const share = ofCeiling === null ? '' : `, ${(100 * ofCeiling).toFixed(0)} % of what the adapter can do`;
    return make(
      'li',
      { className: 'ours' },
      make('p', { className: 'head' }, make('b', {}, name), ` ${kernel}: ${time.toFixed(0)} µs${speed}${share}`),
      make('div', { className: 'track' }, bar),
    );
  });
  section.append(make('ol', { className: 'rows' }, ...rows));
  return section;
}
