/** Model files with other numbers in them: for tests of what a change of weights must do to the answer. */
import { readModel, writeModel } from '../../src/weights/model-file.js';
import { readSafetensors } from '../../src/weights/safetensors.js';
import { floatTensor, toFloat32 } from '../../src/weights/tensor.js';

export interface NamedValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The new values, of the same count; undefined leaves the tensor as it is. */
export type Change = (tensor: NamedValues) => ArrayLike<number> | undefined;

export function remake(model: Uint8Array, change: Change): Uint8Array<ArrayBuffer> {
  const { tensors } = readSafetensors(model);
  const changed = [...tensors.values()].map((tensor) => {
    const values = change({ name: tensor.name, shape: tensor.shape, values: toFloat32(tensor) });
    return values ? floatTensor(tensor.name, tensor.shape, Float32Array.from(values)) : tensor;
  });
  return writeModel(new Map(changed.map((tensor) => [tensor.name, tensor])), readModel(model).metadata);
}

/** The values of a model's tensor. @throws Error when it has none of that name */
export function valuesOf(model: Uint8Array, name: string): Float32Array {
  const tensor = readSafetensors(model).tensors.get(name);
  if (!tensor) throw new Error(`the model has no ${name}`);
  return toFloat32(tensor);
}

/** Applies `change` to the tensors whose names match. */
export const where =
  (names: RegExp, change: (tensor: NamedValues) => ArrayLike<number>): Change =>
  (tensor) =>
    names.test(tensor.name) ? change(tensor) : undefined;

/** Several changes; no tensor may be meant by two. */
export const both =
  (...changes: readonly Change[]): Change =>
  (tensor) => {
    const made = changes.map((change) => change(tensor)).filter((values) => values !== undefined);
    if (made.length > 1) throw new Error(`${tensor.name} is changed twice`);
    return made[0];
  };
