/** The committed fixtures: checkpoints, the taps that their frameworks computed, and how to compare with them. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSafetensors } from '../../src/weights/safetensors.js';
import { toFloat32 } from '../../src/weights/tensor.js';

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

/** `input`, `stem`, `block1`…, `final`, `pooled`, `logits` of a fixture. */
export function readReference(name: string): Map<string, Reference> {
  const { tensors } = readSafetensors(readBytes(`${FIXTURES}${name}.reference.safetensors`));
  return new Map(
    [...tensors.values()].map((tensor) => [tensor.name, { shape: tensor.shape, values: toFloat32(tensor) }]),
  );
}

/** The largest absolute difference over the largest expected magnitude; NaN where anything is NaN or lengths differ. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.NaN;
  let error = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(expected[i] ?? Number.NaN));
  }
  return error / largest;
}
