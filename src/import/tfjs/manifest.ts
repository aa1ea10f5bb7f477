/** The `weightsManifest` of a TensorFlow.js model: which tensors lie in which files, and in what form. */
import { OptionError } from '../../core/errors.js';
import { type Check, Fields, fail, listOf, number, oneOf } from '../../core/json.js';
import { elementCount } from '../../tensor/tensor.js';
import { formatError } from '../format-error.js';

export const tfjsError = formatError('tfjs');

/** How a tensor was made smaller: value = stored · scale + min, or as half floats. */
export type Quantization =
  | { readonly dtype: 'float16' }
  | { readonly dtype: 'uint8' | 'uint16'; readonly scale: number; readonly min: number };

export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly quantization: Quantization | null;
}

/** Tensors end to end in files end to end. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightEntry[];
}

/** @throws ModelFormatError naming the field that is not what it must be */
export function readManifest(value: unknown): readonly WeightGroup[] {
  try {
    return listOf(group)(value, 'weightsManifest');
  } catch (cause) {
    if (!(cause instanceof OptionError)) throw cause;
    throw tfjsError(cause.message, { cause });
  }
}

const LONGEST_NAME = 1024;

const text: Check<string> = (value, path) =>
  typeof value === 'string' && value.length <= LONGEST_NAME ? value : fail(path, 'a name');

const dimension: Check<number> = (value, path) =>
  Number.isSafeInteger(number(value, path)) && number(value, path) >= 0 ? number(value, path) : fail(path, 'a size');

/** Letters, digits and what file names have between them; no dot, space or slash comes first, in no folder either. */
const SIBLING_PATH = /^[\p{L}\p{N}_][\p{L}\p{N}_ .()+@,=-]*(\/[\p{L}\p{N}_][\p{L}\p{N}_ .()+@,=-]*)*$/u;

/** A file beside the model or below it: no other folder, no other host. */
const path: Check<string> = (value, at) => {
  const name = text(value, at);
  return SIBLING_PATH.test(name) ? name : fail(at, `the name of a file beside model.json, not "${name.slice(0, 80)}"`);
};

const group: Check<WeightGroup> = (value, at) => {
  const fields = new Fields(value, at);
  return { paths: fields.required('paths', listOf(path)), weights: fields.required('weights', listOf(entry)) };
};

const entry: Check<WeightEntry> = (value, at) => {
  const fields = new Fields(value, at);
  return {
    name: fields.required('name', text),
    shape: fields.required('shape', listOf(dimension)),
    dtype: fields.required('dtype', text),
    quantization: fields.optional('quantization', quantization, null),
  };
};

const quantization: Check<Quantization> = (value, at) => {
  const fields = new Fields(value, at);
  const dtype = fields.required('dtype', oneOf('uint8', 'uint16', 'float16'));
  if (dtype === 'float16') return { dtype };
  return { dtype, scale: fields.required('scale', number), min: fields.required('min', number) };
};

const BYTES: ReadonlyMap<string, number> = new Map([
  ['uint8', 1],
  ['uint16', 2],
  ['float16', 2],
  ['float32', 4],
  ['int32', 4],
  ['bool', 1],
]);

/** Bytes that a tensor takes in its file. @throws ModelFormatError for types without a fixed size, naming the tensor */
export function byteLength({ name, shape, dtype, quantization: made }: WeightEntry): number {
  const size = BYTES.get(made?.dtype ?? dtype);
  if (size === undefined) throw tfjsError(`"${name}" is of type ${dtype}, which no weights are`);
  return elementCount(shape) * size;
}
