/** The committed fixtures: checkpoints, the taps that their frameworks computed, and how to compare with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ImportOptions } from '../../src/import/checkpoint.js';
import { tapsOldFirst } from '../../src/import/concat-order.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import type { ModelMetadata } from '../../src/model/model.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { type TensorMap, toFloat32 } from '../../src/tensor/tensor.js';

export { relativeError } from './relative-error.js';

export const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

export interface Reference {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path));
}

/** The files beside `make_*.py` that end so, without the ending. */
export function fixtureNames(ending: string): string[] {
  return readdirSync(FIXTURES)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length));
}

/** Import options for what a file does not show. */
export const SAID: Readonly<Record<string, ImportOptions>> = { 'densenet3-new-first': { concat: 'new-first' } };

/** `input`, `stem`, `block1`…, `final`, `pooled`, `logits` of a fixture, as the framework computed them. */
export function readReference(name: string): Map<string, Reference> {
  return referencesOf(readSafetensors(readBytes(`${FIXTURES}${name}.reference.safetensors`)).tensors);
}

/** The same in the order of channels that the imported network computes. */
export function readReferenceFor(
  name: string,
  net: { readonly config: DenseNetConfig; readonly metadata: ModelMetadata },
): Map<string, Reference> {
  const { tensors } = readSafetensors(readBytes(`${FIXTURES}${name}.reference.safetensors`));
  return referencesOf(net.metadata.concat === 'new-first' ? tapsOldFirst(tensors, net.config) : tensors);
}

function referencesOf(tensors: TensorMap): Map<string, Reference> {
  return new Map(
    [...tensors.values()].map((tensor) => [tensor.name, { shape: tensor.shape, values: toFloat32(tensor) }]),
  );
}
