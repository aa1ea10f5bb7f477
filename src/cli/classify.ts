/** `classify`: prints the classes of image files. */
import { basename } from 'node:path';
import { type Command, oneOf, parse, UsageError } from './command.js';
import { DEFAULT_MODEL, imageFiles } from './files.js';
import { readModelBytes } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS, type Classified, type Runner } from './runner.js';
import { note, print, printJson } from './terminal.js';

const USAGE = `[IMAGE or FOLDER …] [--model PATH|URL|hf:OWNER/NAME] [--top N] [--backend ${BACKENDS.join('|')}] [--precision auto|f32|f16] [--json]

Classifies images (JPEG, PNG, WebP, …) on the GPU; without any, the bundled samples.`;

const OPTIONS = {
  model: { type: 'string' },
  top: { type: 'string' },
  backend: { type: 'string' },
  precision: { type: 'string' },
} as const;

type Outcome = ({ readonly image: string } & Classified) | { readonly image: string; readonly error: string };

export const classify: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const top = Number(values.top ?? 5);
    if (!Number.isInteger(top) || top < 1)
      throw new UsageError(`--top is ${values.top}; it must be a whole number, 1 or more`);
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const precision = oneOf('precision', values.precision, ['auto', 'f32', 'f16']) ?? 'f32';
    const files = imageFiles(positionals);
    const model = values.model ?? DEFAULT_MODEL;
    const bytes = await readModelBytes(model);
    note(`Starting WebGPU (${backend}) …`);
    const runner = await openRunner(backend, bytes, { precision });
    try {
      const outcomes: Outcome[] = [];
      for (const file of files) outcomes.push(await classifyFile(runner, file, top));
      report(outcomes, runner, model, values.json ?? false);
      return outcomes.some((outcome) => 'error' in outcome) ? 1 : 0;
    } finally {
      await runner.close();
    }
  },
};

/** Reports an image that cannot be classified; the others go on. */
async function classifyFile(runner: Runner, image: string, top: number): Promise<Outcome> {
  try {
    return { image, ...(await runner.classify(image, top)) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    note(`${image}: ${message}`);
    return { image, error: message };
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
