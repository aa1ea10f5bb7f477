/** `classify`: prints the classes of image files. */
import { basename } from 'node:path';
import { type Command, oneOf, parse, wholeNumber } from './command.js';
import { DEFAULT_MODEL, type ImageArgument, imageFiles } from './files.js';
import { FULL_RANGE, readImage } from './image-range.js';
import { readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS, type Classified, type Runner } from './runner.js';
import { note, print, printJson } from './terminal.js';

const USAGE = `[IMAGE or FOLDER …] [--model PATH|URL|hf:OWNER/NAME] [--top N] [--backend ${BACKENDS.join('|')}] [--precision auto|f32|f16] [--range MAX] [--json]

Classifies images (JPEG, PNG, WebP, GIF, BMP, AVIF) on the GPU; without any, the bundled samples.

--range  the value that counts as white in 16-bit PNGs that use fewer bits: 4095 for 12 bits`;

const OPTIONS = {
  model: { type: 'string' },
  top: { type: 'string' },
  backend: { type: 'string' },
  precision: { type: 'string' },
  range: { type: 'string' },
} as const;

type Outcome = ({ readonly image: string } & Classified) | { readonly image: string; readonly error: string };

export const classify: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const top = wholeNumber('top', values.top ?? '5', Number.MAX_SAFE_INTEGER);
    const range = values.range === undefined ? null : wholeNumber('range', values.range, FULL_RANGE);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const precision = oneOf('precision', values.precision, ['auto', 'f32', 'f16']) ?? 'f32';
    const images = imageFiles(positionals);
    const model = values.model ?? DEFAULT_MODEL;
    if (images.every(({ error }) => error !== undefined)) {
      for (const { path, error } of images) note(`${path}: ${error}`);
      if (values.json)
        printJson({ results: images.map(({ path, error }) => ({ image: path, error })), adapter: null, model });
      return 1;
    }
    const bytes = await readModelFile(model);
    note(`Starting WebGPU (${backend}) …`);
    const runner = await openRunner(backend, bytes, { precision });
    try {
      const outcomes: Outcome[] = [];
      for (const image of images) outcomes.push(await classifyFile(runner, image, top, range));
      report(outcomes, runner, model, values.json ?? false);
      return outcomes.some((outcome) => 'error' in outcome) ? 1 : 0;
    } finally {
      await runner.close();
    }
  },
};

/** Reports an image that cannot be classified; the others go on. */
async function classifyFile(
  runner: Runner,
  { path, error }: ImageArgument,
  top: number,
  range: number | null,
): Promise<Outcome> {
  try {
    if (error !== undefined) throw new Error(error);
    return { image: path, ...(await runner.classify(await readImage(path, range), top)) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    note(`${path}: ${message}`);
    return { image: path, error: message };
  }
}

function report(outcomes: readonly Outcome[], runner: Runner, model: string, json: boolean): void {
  const { adapter } = runner;
  if (json) {
    printJson({ results: outcomes, adapter: { backend: runner.backend, ...adapter }, model });
    return;
  }
  for (const outcome of outcomes) {
    if ('error' in outcome) continue;
    print(`\n${basename(outcome.image)}  (${outcome.milliseconds.toFixed(1)} ms)`);
    for (const { label, probability, present } of outcome.top) {
      const bar = '█'.repeat(Math.round(probability * 30)).padEnd(30, '·');
      print(`  ${bar} ${(probability * 100).toFixed(2).padStart(6)} %  ${label}${present ? '  (present)' : ''}`);
    }
  }
  print(
    `\n${[adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ') || 'unnamed adapter'} (${runner.backend}); model ${model}`,
  );
}
