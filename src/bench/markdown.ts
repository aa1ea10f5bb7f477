/** Formats measurements as the tables of BENCHMARKS.md, for `bench --markdown`. */
import { kernelsOf, type Run } from './measure.js';
import type { BenchReport, CaseResult } from './report.js';
import type { RooflineRow, Work } from './roofline.js';

const TITLES: Readonly<Record<string, string>> = {
  densenet121: 'DenseNet-121',
  'densenet-bc-100-12': 'DenseNet-BC (100, 12)',
};
const titleOf = ({ model, batch }: Pick<CaseResult, 'model' | 'batch'>): string =>
  `${TITLES[model] ?? model}, batch ${batch}`;

const HEADINGS = [
  '',
  'kernels',
  'warm ms',
  'p10 – p90',
  'n',
  '× ours',
  'cold ms',
  '× ours',
  'dispatches',
  'submits',
  'buffers created',
  'GPU MB live / peak',
  'rel. error',
];

/** @param command the arguments of `npm run bench`, without the output format */
export function markdownOf(report: BenchReport, command: readonly string[]): string[] {
  const { adapter, presentedAs, browser, backend, date, system, versions, cases } = report;
  const where = browser ?? (backend === 'node' ? `Node ${system.node.slice(1)}` : backend);
  const presented = presentedAs === null ? '' : ` presented as "${presentedAs}"`;
  const adapterText = (adapter === null ? 'adapter unknown' : `adapter "${adapter}"`) + presented;
  const when = `${date.slice(0, 16).replace('T', ' ')} UTC, load ${system.load.toFixed(1)}`;
  return [
    ...cases.flatMap((result) => [
      `**${titleOf(result)}, ${result.inputSize.join('×')}, f32.** ${where}, ${adapterText}, ${when}.`,
      '',
      `\`npm run bench -- ${command.join(' ')}\``,
      '',
      ...table([HEADINGS, ...result.runs.map(row)]),
      '',
      ...result.runs.flatMap(({ name, error }) => (error === null ? [] : [`\`${name}\` failed: ${error}`, ''])),
      ...result.skipped.flatMap(({ name, reason }) => [`\`${name}\` skipped: ${reason}`, '']),
    ]),
    `Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    '',
    ...downloads(cases),
  ];
}

export function rooflineMarkdown(
  which: Pick<CaseResult, 'model' | 'batch'>,
  { macs, macsPoolFirst, bytes }: Work,
  rows: readonly RooflineRow[],
): string[] {
  const giga = (value: number) => (value / 1e9).toFixed(3);
  const body = rows.map(({ device, ...row }) => [
    device,
    ...[row.computeMs, row.memoryMs, row.leastMs].map((ms) => ms.toFixed(3)),
  ]);
  return [
    `**${titleOf(which)}: ${giga(macs)} GMAC (${giga(macsPoolFirst)} pool-first), ${(bytes / 1e6).toFixed(1)} MB**`,
    '',
    ...table([['device', 'compute ms', 'memory ms', 'least ms'], ...body]),
    '',
  ];
}

function row(run: Run): string[] {
  const isOurs = run.name === 'ours';
  return [
    `\`${run.name}\``,
    kernelsOf(run) ?? '–',
    known(run.warmMedianMs, milliseconds),
    run.p10 === null || run.p90 === null ? '–' : `${milliseconds(run.p10)} – ${milliseconds(run.p90)}`,
    String(run.samples),
    known(run.ratio, (ratio) => (isOurs ? '1' : `**${ratio.toFixed(2)}**`)),
    known(run.coldMs, milliseconds),
    known(run.coldRatio, (ratio) => (isOurs ? '1' : `**${ratio.toFixed(2)}**`)),
    known(run.dispatches, String),
    known(run.submits, String),
    known(run.buffersCreated, String),
    run.liveGpuBytes === null ? '–' : `${megabytes(run.liveGpuBytes)} / ${known(run.peakGpuBytes, megabytes)}`,
    known(run.maxRelError, (error) => error.toExponential(1)),
  ];
}

/** One line per peer, from the first case that saw what it downloads. */
function downloads(cases: readonly CaseResult[]): string[] {
  const bytes = new Map<string, number>();
  for (const { name, downloadBytes } of cases.flatMap(({ runs }) => runs))
    if (downloadBytes !== null && !bytes.has(name)) bytes.set(name, downloadBytes);
  const ours = bytes.get('ours');
  if (ours === undefined) return [];
  const rows = [...bytes].map(([name, value]) => [`\`${name}\``, (value / 1000).toFixed(1), (value / ours).toFixed(1)]);
  return table([['', 'KB', '× ours'], ...rows]);
}

const table = ([headings = [], ...rows]: readonly (readonly string[])[]): string[] =>
  [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
const known = (value: number | null, format: (value: number) => string): string =>
  value === null ? '–' : format(value);
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
const milliseconds = (value: number): string =>
  value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
