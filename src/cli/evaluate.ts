/** `evaluate`: how well a model classifies a labelled set of images. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DenseNetConfig } from '../model/config.js';
import { scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { INTERRUPTED, interruptSignal, openBatchRunner, parseBatch, readModelFacts } from './batch-runner.js';
import { withRange } from './bit-range.js';
import { describeAdapter } from './classify-output.js';
import { type Command, oneOf, parse, UsageError } from './command.js';
import { drawConfusion } from './confusion-picture.js';
import { type Evaluation, LabelScorer, type Scorer, SingleClassScorer } from './evaluation.js';
import { confusionCsv, PredictionFile, printEvaluation, tableCsv } from './evaluation-report.js';
import { DEFAULT_MODEL, type ImageFile, SAMPLES } from './files.js';
import { readModelFile } from './model-source.js';
import { predictFiles } from './predict-files.js';
import { progressCounter } from './progress.js';
import { BACKENDS } from './runner.js';
import { note, print, printJson } from './terminal.js';
import { classNames, imagesOfCsv, imagesOfFolders, type LabelledImage, readLines } from './truth.js';

const USAGE = `[DIR] [--labels FILE.csv] [--model PATH|URL|hf:OWNER/NAME] [--classes FILE] [--batch auto|N]
       [--json] [--csv FILE] [--confusion FILE.png|FILE.csv] [--predictions FILE.csv]
       [--backend ${BACKENDS.join('|')}] [--precision auto|f32|f16]

Classifies the images in DIR/CLASS/… and compares: accuracy, that of each class, confusions, and the calibration error
(ECE, 15 bins). A folder is named by its class or its index; the 1000 synset folders of ImageNet are known. For models
that score each class by itself: the area under the ROC curve, and what the thresholds give. Without DIR, the bundled
samples. Progress shows the accuracy so far; Ctrl-C ends early and reports what is done, with exit code 130.

--labels       a CSV instead of folders: a column image (a path below DIR, or beside the file), and a column label (several
               separated by | or ;), or one column for each class with 1, 0, or nothing or -1 where it is not known
--classes      the folders' names in the order of the model's classes, one a line, of which the first word counts
--csv          the table of classes; --predictions: a line for each image
--confusion    a picture of the matrix (rows: true classes, columns: predicted ones), or a list of its pairs`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  labels: TEXT,
  model: TEXT,
  classes: TEXT,
  batch: TEXT,
  csv: TEXT,
  confusion: TEXT,
  predictions: TEXT,
  backend: TEXT,
  precision: TEXT,
} as const;

export const evaluate: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length > 1) throw new UsageError(`evaluate takes one folder, but got ${positionals.join(', ')}`);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const precision = oneOf('precision', values.precision, ['auto', 'f32', 'f16']) ?? 'f32';
    const batch = parseBatch(values.batch);
    const { confusion } = values;
    if (confusion !== undefined && !/\.(png|csv)$/i.test(confusion))
      throw new UsageError(`--confusion is ${confusion}; it must end in .png or .csv`);
    const model = values.model ?? DEFAULT_MODEL;
    const bytes = await readModelFile(model);
    const facts = readModelFacts(bytes);
    const { config, metadata } = facts;
    if (config.classes === 0) throw new UsageError('the model has no classifier, and so no classes to score');
    const scorer = scorerOf(config, metadata);
    if (confusion !== undefined && scorer instanceof LabelScorer)
      throw new UsageError(
        '--confusion is for models that name one class, but this one scores each by itself: leave it out',
      );
    const images = labelledImages(positionals[0], values, config, metadata).map((image) => scorer.checked(image));
    const usable = images.filter(({ error }) => error === undefined).length;
    if (usable === 0) {
      for (const { path, error } of images) note(`${path}: ${error}`);
      throw new Error('there is no image to evaluate: see above');
    }
    note(`Starting WebGPU (${backend}) …`);
    const signal = interruptSignal();
    const opened = await openBatchRunner(bytes, facts, { backend, precision, batch, total: images.length });
    const { runner } = opened;
    const count = progressCounter(images.length);
    let predictions: PredictionFile | null = null;
    try {
      if (values.predictions) predictions = new PredictionFile(values.predictions, metadata);
      const pixelsOf = (file: ImageFile) => withRange(file, null);
      const outcomes = predictFiles(runner, images, { batch: opened.batch, vectors: ['scores'], signal, pixelsOf });
      let next = 0;
      for await (const outcome of outcomes) {
        const { truth } = images[next++] ?? { truth: { present: [], unknown: [] } };
        if ('error' in outcome) note(`${outcome.path}: ${outcome.error}`);
        const scores = 'vectors' in outcome ? outcome.vectors.get('scores') : undefined;
        const judged = scores ? scorer.add(scores, truth) : null;
        predictions?.add(outcome, truth, judged);
        count.add('error' in outcome, scorer.describe());
      }
    } finally {
      predictions?.close();
      count.end();
      await runner.close();
    }
    const evaluation = scorer.report();
    writeFiles(evaluation, values, config, metadata);
    if (values.json) {
      const adapter = { backend: runner.backend, ...runner.adapter };
      printJson({ ...evaluation, failed: count.failed, labels: metadata.labels ?? null, adapter, model });
    } else {
      printEvaluation(evaluation, metadata);
      print(`\n${describeAdapter(runner)}; model ${model}`);
    }
    if (signal.aborted) return INTERRUPTED;
    return count.failed > 0 ? 1 : 0;
  },
};

function scorerOf({ classes }: DenseNetConfig, metadata: ModelMetadata): Scorer {
  const isSigmoid = scoringOf(metadata, classes).activation === 'sigmoid';
  return isSigmoid ? new LabelScorer(classes, metadata.thresholds) : new SingleClassScorer(classes);
}

interface SetOptions {
  readonly labels?: string | undefined;
  readonly classes?: string | undefined;
}

/** Without a folder and labels, the bundled samples. @throws UsageError */
function labelledImages(
  folder: string | undefined,
  { labels, classes }: SetOptions,
  config: DenseNetConfig,
  metadata: ModelMetadata,
): LabelledImage[] {
  const names = classNames(config.classes, metadata.labels, classes === undefined ? null : readLines(classes));
  if (labels !== undefined) return imagesOfCsv(labels, folder, names);
  return folder === undefined ? imagesOfCsv(SAMPLE_LABELS, undefined, names) : imagesOfFolders(folder, names);
}

const SAMPLE_LABELS = join(SAMPLES, 'labels.csv');

interface FileOptions {
  readonly csv?: string | undefined;
  readonly confusion?: string | undefined;
}

function writeFiles(
  evaluation: Evaluation,
  { csv, confusion }: FileOptions,
  { classes }: DenseNetConfig,
  metadata: ModelMetadata,
): void {
  if (csv !== undefined) writeFileSync(csv, tableCsv(evaluation, metadata));
  if (confusion === undefined || evaluation.kind === 'labels') return;
  const isPicture = /\.png$/i.test(confusion);
  const content = isPicture ? drawConfusion(evaluation.confusion, classes) : confusionCsv(evaluation, metadata);
  writeFileSync(confusion, content);
}
