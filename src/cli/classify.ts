/** `classify`: prints the classes of image files. */

import type { ModelMetadata } from '../model/model.js';
import { INTERRUPTED, interruptSignal, openBatchRunner, parseBatch, readModelFacts } from './batch-runner.js';
import { FULL_RANGE, withRange } from './bit-range.js';
import {
  arrayOutput,
  csvOutput,
  jsonLinesOutput,
  jsonOutput,
  type Output,
  resultOf,
  textOutput,
} from './classify-output.js';
import { type Command, oneOf, parse, UsageError, wholeNumber } from './command.js';
import { DEFAULT_MODEL, type ImageFile } from './files.js';
import { type ImageArgument, imageFiles, withListedNames } from './list-images.js';
import { readModelFile } from './model-source.js';
import { predictFiles } from './predict-files.js';
import { progressCounter } from './progress.js';
import { BACKENDS, type Vector } from './runner.js';
import { note } from './terminal.js';

const USAGE = `[IMAGE, FOLDER, PATTERN or - …] [--model PATH|URL|hf:OWNER/NAME] [--top N] [--batch auto|N]
       [--json | --jsonl | --csv FILE] [--logits FILE.npy] [--embed FILE.npy]
       [--backend ${BACKENDS.join('|')}] [--precision auto|f32|f16] [--range MAX]

Classifies images (JPEG, PNG, WebP, GIF, BMP, AVIF) on the GPU; without any, the bundled samples. A folder stands for the
images in it and in its folders, a pattern ('shots/**/*.{jpg,png}', quoted) for the files that match, and - for the names
that stdin lists, one a line. An image that cannot be used is reported, and the others go on; the exit code is then 1.
Ctrl-C ends after the images on the GPU and keeps what is done; the exit code is then 130.

--batch   images in a call, at most; auto: as many as fit 128 MiB of feature maps, at most 32
--json    one document at the end; --jsonl: a line for each image, as it is done
--csv     writes image, error, label_1, probability_1 … to a file, as they are done, instead of printing them
--logits  writes the last layer's outputs, float32 [images, classes], for numpy.load; a row of NaN for an image that failed
--embed   writes the pooled features, float32 [images, channels], likewise
--range   the value that counts as white in 16-bit PNGs that use fewer bits: 4095 for 12 bits`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  model: TEXT,
  top: TEXT,
  batch: TEXT,
  jsonl: { type: 'boolean' },
  csv: TEXT,
  logits: TEXT,
  embed: TEXT,
  backend: TEXT,
  precision: TEXT,
  range: TEXT,
} as const;

export const classify: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const top = wholeNumber('top', values.top ?? '5');
    const range = values.range === undefined ? null : wholeNumber('range', values.range, FULL_RANGE);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const precision = oneOf('precision', values.precision, ['auto', 'f32', 'f16']) ?? 'f32';
    const batch = parseBatch(values.batch);
    if (values.json && values.jsonl) throw new UsageError('--json and --jsonl are two forms of the same: choose one');
    const images = imageFiles(await withListedNames(positionals));
    const model = values.model ?? DEFAULT_MODEL;
    if (images.every(({ error }) => error !== undefined)) {
      reportNone(images, model, values);
      return 1;
    }
    const bytes = await readModelFile(model);
    const facts = readModelFacts(bytes);
    const { metadata } = facts;
    const vectors = vectorsOf(values, facts.config.classes);
    note(`Starting WebGPU (${backend}) …`);
    const signal = interruptSignal();
    const opened = await openBatchRunner(bytes, facts, { backend, precision, batch, total: images.length });
    const { runner } = opened;
    const count = progressCounter(images.length);
    let outputs: readonly Output[] = [];
    try {
      outputs = outputsOf(values, Math.min(top, facts.config.classes), model, metadata);
      const pixelsOf = (file: ImageFile) => withRange(file, range);
      for await (const outcome of predictFiles(runner, images, { batch: opened.batch, vectors, signal, pixelsOf })) {
        const result = resultOf(outcome, top, metadata);
        if ('error' in result) note(`${result.image}: ${result.error}`);
        for (const output of outputs) output.add(result, outcome);
        count.add('error' in result);
      }
    } finally {
      for (const output of outputs) output.close(runner);
      count.end();
      await runner.close();
    }
    if (signal.aborted) return INTERRUPTED;
    return count.failed > 0 ? 1 : 0;
  },
};

/** What to read back of each image. @throws UsageError where a network without a classifier is asked for classes */
function vectorsOf({ logits, embed }: OutputValues, classes: number): Vector[] {
  if (classes === 0 && (logits !== undefined || embed === undefined))
    throw new UsageError('the model has no classifier: pass --embed FILE.npy, without --logits, for its features');
  const vectors: Vector[] = classes > 0 ? ['scores'] : [];
  if (logits) vectors.push('logits');
  if (embed) vectors.push('pooled');
  return vectors;
}

interface OutputValues {
  readonly json?: boolean | undefined;
  readonly jsonl?: boolean | undefined;
  readonly csv?: string | undefined;
  readonly logits?: string | undefined;
  readonly embed?: string | undefined;
}

function outputsOf(values: OutputValues, top: number, model: string, metadata: ModelMetadata): Output[] {
  const { json, jsonl, csv, logits, embed } = values;
  return [
    ...(json ? [jsonOutput(model)] : []),
    ...(jsonl ? [jsonLinesOutput()] : []),
    ...(csv ? [csvOutput(csv, top, metadata)] : []),
    ...(json || jsonl || csv ? [] : [textOutput(model, metadata)]),
    ...(logits ? [arrayOutput(logits, 'logits')] : []),
    ...(embed ? [arrayOutput(embed, 'pooled')] : []),
  ];
}

/** No argument names an image: no GPU is asked for. */
function reportNone(images: readonly ImageArgument[], model: string, { json, jsonl }: OutputValues): void {
  const output = json ? jsonOutput(model) : jsonl ? jsonLinesOutput() : null;
  for (const { path, error = '' } of images) {
    note(`${path}: ${error}`);
    output?.add({ image: path, error }, { path, error });
  }
  output?.close(null);
}
