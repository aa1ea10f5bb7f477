/** An evaluation as text, and as CSV files. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { ModelMetadata } from '../model/model.js';
import { csvLine } from './csv.js';
import type { Evaluation, Judged, LabelEvaluation, SingleClassEvaluation } from './evaluation.js';
import type { FileOutcome } from './predict-files.js';
import { note, print, table } from './terminal.js';
import type { Truth } from './truth.js';

/** Longer tables are printed from the worst class on, up to here; `--csv` has all. */
const MAX_LINES = 40;

type Labels = Pick<ModelMetadata, 'labels'>;
const nameOf = ({ labels }: Labels, index: number): string => labels?.[index] ?? `class ${index}`;

const percent = (share: number | null, digits = 2): string =>
  share === null ? '' : `${(100 * share).toFixed(digits)} %`;
const decimals = (value: number | null): string => (value === null ? '' : value.toFixed(4));

export function printEvaluation(evaluation: Evaluation, metadata: Labels): void {
  const { heading, rows } =
    evaluation.kind === 'classes' ? classTable(evaluation, metadata) : labelTable(evaluation, metadata);
  if (evaluation.kind === 'classes') {
    const { images, right, top1, top5, calibrationError } = evaluation;
    print(`${percent(top1)} right (${right.toLocaleString('en')} of ${images.toLocaleString('en')} pictures)`);
    if (top5 !== null) print(`${percent(top5)} among the best five classes`);
    print(`calibration error (ECE) ${percent(calibrationError)}\n`);
  } else {
    print(
      `mean AUROC ${decimals(evaluation.meanAuroc) || 'unknown'}, ${evaluation.images.toLocaleString('en')} pictures\n`,
    );
  }
  const present = rows.filter(({ count }) => count > 0).sort((a, b) => a.worth - b.worth);
  const shown = rows.length > MAX_LINES ? present.slice(0, MAX_LINES) : rows;
  for (const line of table([heading, ...shown.map(({ cells }) => cells)])) print(line);
  if (shown.length < rows.length)
    note(`These are the ${shown.length} worst of ${present.length} classes with pictures: --csv FILE has all.`);
}

interface ClassRow {
  readonly count: number;
  /** The less, the worse. */
  readonly worth: number;
  readonly cells: readonly (string | number)[];
}

interface ClassTable {
  readonly heading: readonly string[];
  readonly rows: readonly ClassRow[];
}

const ratio = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

function classTable({ classes, confusion }: SingleClassEvaluation, metadata: Labels): ClassTable {
  const rows = classes.map(({ index, images, right, predicted }) => {
    const errors = confusion.filter((pair) => pair.true === index && pair.predicted !== index);
    const [worst] = errors.sort((a, b) => b.images - a.images);
    const taken = worst ? `${nameOf(metadata, worst.predicted)} (${worst.images})` : '';
    const recall = ratio(right, images);
    return {
      ...{ count: images, worth: recall ?? 1 },
      cells: [nameOf(metadata, index), images, percent(recall, 1), percent(ratio(right, predicted), 1), taken],
    };
  });
  return { heading: ['class', 'pictures', 'right', 'precision', 'most often taken for'], rows };
}

function labelTable({ classes }: LabelEvaluation, metadata: Labels): ClassTable {
  const heading = [
    'class',
    'with',
    'without',
    'AUROC',
    'threshold',
    'sensitivity',
    'specificity',
    'F1',
    'best threshold',
  ];
  const rows = classes.map((row) => ({
    ...{ count: row.positives + row.negatives, worth: row.auroc ?? 1 },
    cells: [
      ...[nameOf(metadata, row.index), row.positives, row.negatives, decimals(row.auroc), decimals(row.threshold)],
      ...[percent(row.sensitivity, 1), percent(row.specificity, 1), decimals(row.f1), decimals(row.bestThreshold)],
    ],
  }));
  return { heading, rows };
}

/** Every class with every figure. */
export function tableCsv(evaluation: Evaluation, metadata: Labels): string {
  if (evaluation.kind === 'classes') {
    const lines = evaluation.classes.map(({ index, images, right, predicted }) => [
      ...[index, nameOf(metadata, index), images, right, predicted],
      ...[ratio(right, images) ?? '', ratio(right, predicted) ?? ''],
    ]);
    return [['index', 'class', 'images', 'right', 'predicted', 'recall', 'precision'], ...lines].map(csvLine).join('');
  }
  const heads = [
    'positives',
    'negatives',
    'auroc',
    'threshold',
    'sensitivity',
    'specificity',
    'precision',
    'f1',
  ] as const;
  const lines = evaluation.classes.map((row) => [
    ...[row.index, nameOf(metadata, row.index), ...heads.map((head) => row[head] ?? ''), row.bestThreshold ?? ''],
  ]);
  return [['index', 'class', ...heads, 'best_threshold'], ...lines].map(csvLine).join('');
}

/** The pairs that occur. */
export function confusionCsv({ confusion }: SingleClassEvaluation, metadata: Labels): string {
  const lines = confusion.map((pair) => [nameOf(metadata, pair.true), nameOf(metadata, pair.predicted), pair.images]);
  return [['true', 'predicted', 'images'], ...lines].map(csvLine).join('');
}

/** `image, error, true, predicted, probability`, a line as each image is done. Several labels have semicolons between. */
export class PredictionFile {
  private readonly file: number;

  /** @throws when the file cannot be written */
  constructor(
    path: string,
    private readonly metadata: Labels,
  ) {
    this.file = openSync(path, 'w');
    writeSync(this.file, csvLine(['image', 'error', 'true', 'predicted', 'probability']));
  }

  add(outcome: FileOutcome, { present }: Truth, judged: Judged | null): void {
    const names = (indices: readonly number[]) => indices.map((index) => nameOf(this.metadata, index)).join(';');
    const error = 'error' in outcome ? outcome.error : '';
    const cells = [names(present), names(judged?.predicted ?? []), judged?.probability ?? ''];
    writeSync(this.file, csvLine([outcome.path, error, ...cells]));
  }

  close(): void {
    closeSync(this.file);
  }
}
