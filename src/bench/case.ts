/** What is measured: networks and batches, as the command line names them. */
import { existsSync, readFileSync } from 'node:fs';
import { UsageError } from '../cli/command.js';
import { FAMILY } from '../model/family.js';
import { seededModel, TINY } from './case-files.js';

export interface BenchCase {
  /** A name of the family, `tiny`, or the path of a safetensors file. */
  readonly model: string;
  readonly batch: number;
}

/** What `--cases` is by default. */
export const STANDARD_CASES = 'densenet121:1,densenet121:8,densenet-bc-100-12:1,densenet-bc-100-12:32';

/** @param text `MODEL:BATCH,…`; a batch of 1 need not be said @throws UsageError */
export function parseCases(text: string): BenchCase[] {
  return text.split(',').map((part) => {
    const [, model = '', batch = '1'] = /^(.*?)(?::(\d+))?$/.exec(part.trim()) ?? [];
    const known = model === TINY || Object.hasOwn(FAMILY, model) || existsSync(model);
    if (!known || Number(batch) < 1) {
      const models = [...Object.keys(FAMILY), TINY].join(', ');
      throw new UsageError(`--cases: "${part}" is not MODEL:BATCH; models are ${models}, or a safetensors file`);
    }
    return { model, batch: Number(batch) };
  });
}

/** The safetensors file of a case: seeded random weights for a name, or the file itself. */
export function modelBytes({ model }: BenchCase): Uint8Array<ArrayBuffer> {
  return existsSync(model) ? new Uint8Array(readFileSync(model)) : seededModel(model);
}
