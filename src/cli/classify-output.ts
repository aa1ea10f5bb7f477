/** What `classify` writes while results come: text, JSON, JSON lines, CSV, and arrays. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { relative } from 'node:path';
import type { Prediction } from '../api.js';
import type { ModelMetadata } from '../model/model.js';
import { namedPrediction, rankScores } from '../runtime/results.js';
import { csvLine } from './csv.js';
import { NpyFile } from './npy.js';
import type { FileOutcome } from './predict-files.js';
import type { Runner, Vector } from './runner.js';
import { note, print, printJson } from './terminal.js';

/** One result, as `--json` and `--jsonl` give it. */
export type Result = { readonly image: string } & (
  | { readonly top: readonly Prediction[]; readonly milliseconds: number }
  | { readonly error: string }
);

export interface Output {
  add(result: Result, outcome: FileOutcome): void;
  /** Called once, also after Ctrl-C and after an error. @param runner null where no image reached the GPU */
  close(runner: Pick<Runner, 'adapter' | 'backend'> | null): void;
}

/** @param top classes to give of each image */
export function resultOf(outcome: FileOutcome, top: number, metadata: ModelMetadata): Result {
  if ('error' in outcome) return { image: outcome.path, error: outcome.error };
  const ranked = rankScores(outcome.vectors.get('scores') ?? new Float32Array());
  const best = ranked.slice(0, top).map((entry) => namedPrediction(entry, metadata));
  return { image: outcome.path, top: best, milliseconds: outcome.milliseconds };
}

/** Scores as percentages with bars; as they are where they are logits, of any size. */
export function textOutput(model: string, { activation }: ModelMetadata): Output {
  return {
    add(result) {
      if ('error' in result) return;
      const path = relative('', result.image);
      const name = path.startsWith('..') ? result.image : path;
      print(`\n${name}  (${result.milliseconds.toFixed(1)} ms)`);
      for (const { label, probability, present } of result.top) {
        const name = `${label}${present ? '  (present)' : ''}`;
        if (activation === 'none') {
          print(`  ${probability.toFixed(4).padStart(10)}  ${name}`);
          continue;
        }
        const bar = '█'.repeat(Math.round(probability * 30)).padEnd(30, '·');
        print(`  ${bar} ${(probability * 100).toFixed(2).padStart(6)} %  ${name}`);
      }
    },
    close: (runner) => runner && print(`\n${describeAdapter(runner)}; model ${model}`),
  };
}

export function describeAdapter({ adapter, backend }: Pick<Runner, 'adapter' | 'backend'>): string {
  const names = [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' · ');
  return `${names || 'unnamed adapter'} (${backend})`;
}

export function jsonOutput(model: string): Output {
  const results: Result[] = [];
  return {
    add: (result) => void results.push(result),
    close: (runner) => printJson({ results, adapter: runner && { backend: runner.backend, ...runner.adapter }, model }),
  };
}

export const jsonLinesOutput = (): Output => ({
  add: (result) => void process.stdout.write(`${JSON.stringify(result)}\n`),
  close: () => {},
});

/**
 * `image, error, label_1, probability_1, label_2 …`, and `present` with the labels present, separated by semicolons, where
 * the model has thresholds.
 *
 * @throws when the file cannot be written
 */
export function csvOutput(file: string, top: number, metadata: ModelMetadata): Output {
  const handle = openSync(file, 'w');
  const numbers = Array.from({ length: top }, (_, i) => i + 1);
  const present = metadata.thresholds ? ['present'] : [];
  writeSync(
    handle,
    csvLine(['image', 'error', ...present, ...numbers.flatMap((k) => [`label_${k}`, `probability_${k}`])]),
  );
  return {
    add(result, outcome) {
      const failed = 'error' in result;
      const cells = failed ? [] : result.top.flatMap(({ label, probability }) => [label, probability]);
      const names = metadata.thresholds ? [presentLabels(outcome, metadata).join(';')] : [];
      writeSync(handle, csvLine([result.image, failed ? result.error : '', ...names, ...cells]));
    },
    close: () => closeSync(handle),
  };
}

function presentLabels(outcome: FileOutcome, metadata: ModelMetadata): string[] {
  const scores = 'vectors' in outcome ? outcome.vectors.get('scores') : undefined;
  return rankScores(scores ?? new Float32Array()).flatMap((entry) => {
    const { label, present } = namedPrediction(entry, metadata);
    return present ? [label] : [];
  });
}

/** A row for each result, in order; NaN where it failed. */
export function arrayOutput(file: string, vector: Vector): Output {
  const array = new NpyFile(file);
  return {
    add(_, outcome) {
      array.add(('vectors' in outcome && outcome.vectors.get(vector)) || null);
      array.flush();
    },
    close() {
      const shape = array.close();
      note(shape ? `${file}: float32 [${shape.join(', ')}]` : `${file} was not written: no picture was classified`);
    },
  };
}
