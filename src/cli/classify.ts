/** `classify`: prints the classes of image files. */
import { basename } from 'node:path';
import { decodeMetadata } from '../model/metadata.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { type Command, missingPackage, oneOf, parse, UsageError } from './command.js';
import { DEFAULT_MODEL, type ImageArgument, type ImageFile, imageFiles, readImageFile } from './files.js';
import { readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS, type Classified, type DecodedImage, type Runner } from './runner.js';
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
      const { activation } = decodeMetadata(readSafetensors(bytes).metadata);
      report(outcomes, { runner, model, isLogits: activation === 'none' }, values.json ?? false);
      return outcomes.some((outcome) => 'error' in outcome) ? 1 : 0;
    } finally {
      await runner.close();
    }
  },
};

function wholeNumber(option: string, text: string, largest: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= largest) return value;
  const limit = largest === Number.MAX_SAFE_INTEGER ? '1 or more' : `1 to ${largest}`;
  throw new UsageError(`--${option} is ${text}; it must be a whole number, ${limit}`);
}

/** Reports an image that cannot be classified; the others go on. */
async function classifyFile(
  runner: Runner,
  { path, error }: ImageArgument,
  top: number,
  range: number | null,
): Promise<Outcome> {
  try {
    if (error !== undefined) throw new Error(error);
    const file = readImageFile(path);
    const pixels = await withRange(file, range);
    return { image: path, ...(await runner.classify({ ...file, pixels }, top)) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    note(`${path}: ${message}`);
    return { image: path, error: message };
  }
}

/** The largest value of 16 bits. */
const FULL_RANGE = 2 ** 16 - 1;
/** Brighter 16-bit images are taken to use all bits. */
const SUSPICIOUS_RANGE = 2 ** 14;

/**
 * The pixels of a 16-bit PNG with `--range` applied; null where the runner decodes the file as it is. Decoders keep the
 * high 8 of 16 bits, which leaves 4 bits of 12-bit data, so an image whose largest value is small is warned of.
 */
async function withRange(file: ImageFile, range: number | null): Promise<DecodedImage | null> {
  const { path, header } = file;
  if (header.depth !== 16) {
    if (range !== null) note(`${path}: --range is not used, because this is not a 16-bit PNG.`);
    return null;
  }
  if (range === FULL_RANGE) return null;
  try {
    const { decodeRange, largestValue } = await import('./decode-image.js');
    if (range !== null) return await decodeRange(file, range);
    const largest = await largestValue(file);
    if (largest < SUSPICIOUS_RANGE) note(`${path}: ${describeRange(largest)}`);
  } catch (error) {
    const missing = missingPackage(error);
    if (missing === null || range !== null) throw error;
    note(`${path}: 16 bits per value, of which 8 are used. To check that no more are needed: npm install ${missing}`);
  }
  return null;
}

function describeRange(largest: number): string {
  const bits = Math.max(8, Math.ceil(Math.log2(largest + 1)));
  const kept = Math.max(0, bits - 8);
  return (
    `warning: 16 bits per value, but the largest value is ${largest}. If this is ${bits}-bit data, only ${kept} bits of it ` +
    `are used: pass --range ${2 ** bits - 1}. If it is a dark image, pass --range ${FULL_RANGE}.`
  );
}

interface Run {
  readonly runner: Runner;
  readonly model: string;
  /** Whether the network's scores are its logits, of any size. */
  readonly isLogits: boolean;
}

function report(outcomes: readonly Outcome[], { runner, model, isLogits }: Run, json: boolean): void {
  const { adapter } = runner;
  if (json) {
    printJson({ results: outcomes, adapter: { backend: runner.backend, ...adapter }, model });
    return;
  }
  for (const outcome of outcomes) {
    if ('error' in outcome) continue;
    print(`\n${basename(outcome.image)}  (${outcome.milliseconds.toFixed(1)} ms)`);
    for (const { label, probability, present } of outcome.top) {
      const name = `${label}${present ? '  (present)' : ''}`;
      if (isLogits) {
        print(`  ${probability.toFixed(4).padStart(10)}  ${name}`);
        continue;
      }
      const bar = '█'.repeat(Math.round(probability * 30)).padEnd(30, '·');
      print(`  ${bar} ${(probability * 100).toFixed(2).padStart(6)} %  ${name}`);
    }
  }
  print(
    `\n${[adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ') || 'unnamed adapter'} (${runner.backend}); model ${model}`,
  );
}
