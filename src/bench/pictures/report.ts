/** What `bench --pictures` prints, as text or as the tables of BENCHMARKS.md. */
import { HEIGHT, WIDTH } from './jpegs.js';
import type { LibraryResult, PicturesReport } from './pictures.js';
import type { Stages } from './protocol.js';

const STAGES = ['decode', 'upload', 'preprocess', 'network', 'readback'] as const;

const ms = (value: number): string => value.toFixed(value < 100 ? 1 : 0);

/** `3.1 (2 %)`: milliseconds, and the share of the sum of all stages. */
function stageCell(stages: Stages, stage: (typeof STAGES)[number]): string {
  const value = stages[stage];
  if (value === null) return 'in network';
  const total = STAGES.reduce((sum, each) => sum + (stages[each] ?? 0), 0);
  return `${ms(value)} (${((100 * value) / total).toFixed(1)} %)`;
}

function rateRow({ library, times, picturesPerSecond, openMs }: LibraryResult, ours: LibraryResult): string[] {
  return [
    library,
    ms(times.median),
    `${ms(times.p10)} – ${ms(times.p90)}`,
    picturesPerSecond.toFixed(2),
    (times.median / ours.times.median).toFixed(2),
    ms(openMs),
  ];
}

/** Rows of the rates and of the stages, each with its heading. */
function tablesOf({ results, atOncePerSecond }: PicturesReport): string[][][] {
  const [ours] = results;
  if (!ours) return [];
  return [
    [
      ['', 'ms a picture', 'p10 – p90', 'pictures/s', '× ours', 'library, model and first picture, ms'],
      ...results.map((result) => rateRow(result, ours)),
      ['ours, 4 calls at once', '', '', atOncePerSecond.toFixed(2), '', ''],
    ],
    [
      ['ms (share)', ...STAGES],
      ...results.map(({ library, stages }) => [library, ...STAGES.map((s) => stageCell(stages, s))]),
    ],
  ];
}

function closing({ agreement, skipped, versions }: PicturesReport, count: number): string[] {
  return [
    ...(agreement
      ? [
          `The best class is the same for ${agreement.sameBest} of ${count} pictures; largest difference of its probability: ${agreement.largestDifference.toExponential(1)}.`,
        ]
      : []),
    ...(skipped === null ? [] : [skipped]),
    ...(Object.keys(versions).length > 0
      ? [
          `Versions: ${Object.entries(versions)
            .map(([name, version]) => `${name} ${version}`)
            .join(', ')}.`,
        ]
      : []),
  ];
}

const headline = ({ model, count, meanBytes, browser, adapter, date }: PicturesReport): string =>
  `${model}, ${count} JPEGs of ${WIDTH}×${HEIGHT} (${(meanBytes / 1024).toFixed(0)} KiB on average), f32. ${browser}, adapter "${adapter ?? 'unknown'}", ${date.slice(0, 16).replace('T', ' ')} UTC.`;

export function picturesLines(report: PicturesReport): string[] {
  const tables = tablesOf(report).flatMap((rows) => [...aligned(rows), '']);
  return [headline(report), '', ...tables, ...closing(report, report.count)];
}

/** @param command the arguments of `npm run bench`, without the output format */
export function picturesMarkdown(report: PicturesReport, command: readonly string[]): string[] {
  const tables = tablesOf(report).flatMap((rows) => {
    const [head = [], ...rest] = rows.map((row) => `| ${row.join(' | ')} |`);
    return [String(head), `|${'---|'.repeat(rows[0]?.length ?? 0)}`, ...rest, ''];
  });
  return [
    `**${headline(report)}**`,
    '',
    `\`npm run bench -- ${command.join(' ')}\``,
    '',
    ...tables,
    ...closing(report, report.count),
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
