/** Model files with changed weights, for tests of how the result must change. */

import { readSafetensors } from '../../src/tensor/safetensors.js';
import { floatTensor, toFloat32 } from '../../src/tensor/tensor.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';

export interface NamedValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** New values, of the same count, for the tensors of some names. */
export interface Change {
  readonly names: RegExp;
  readonly change: (tensor: NamedValues) => ArrayLike<number>;
}

export const where = (names: RegExp, change: Change['change']): Change => ({ names, change });

/** @throws Error when a change is of no tensor, or two are of the same: a test would then say little */
export function remake(model: Uint8Array, changes: readonly Change[]): Uint8Array<ArrayBuffer> {
  const { tensors } = readSafetensors(model);
  const made = new Map(tensors);
  for (const { names, change } of changes) {
    const meant = [...tensors.values()].filter(({ name }) => names.test(name));
    if (meant.length === 0) throw new Error(`the model has no ${names}`);
    for (const tensor of meant) {
      const { name, shape } = tensor;
      if (made.get(name) !== tensor) throw new Error(`${name} is changed twice`);
      made.set(name, floatTensor(name, shape, Float32Array.from(change({ name, shape, values: toFloat32(tensor) }))));
    }
  }
  return writeModel(made, readModel(model).metadata);
}

/** The values of a model's tensor. @throws Error when it has none of that name */
export function valuesOf(model: Uint8Array, name: string): Float32Array {
  const tensor = readSafetensors(model).tensors.get(name);
  if (!tensor) throw new Error(`the model has no ${name}`);
  return toFloat32(tensor);
}
