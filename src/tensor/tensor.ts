/**
 * Named tensors as they lie in a file: a type, a shape and the raw little-endian bytes; and their values as floats.
 *
 * Knows no file format and no model. Assumes a little-endian host, as WebGPU itself does.
 */
import { ModelFormatError } from '../core/errors.js';
import { float16ToFloat32 } from './float16.js';

/** Bytes per element of each element type that a weight file may hold (safetensors' names). */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

export type Dtype = keyof typeof DTYPE_BYTES;

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value);
}

/** Row-major and dense: `bytes.length` is the product of `shape` times the element size. `bytes` may be unaligned. */
export interface Tensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  /** Of I8: F32, a factor for each row. See int8.ts. */
  readonly scale?: Tensor;
}

export type TensorMap = ReadonlyMap<string, Tensor>;

/** The product of the dimensions, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dimension) => count * dimension, 1);
}

/** A float32 tensor over `values` (not copied). */
export function floatTensor(name: string, shape: readonly number[], values: Float32Array): Tensor {
  return { name, dtype: 'F32', shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/**
 * The values as float32; exact for F32, F16 and BF16, rounded for F64; I8 times their scales. May be a view of the tensor's own bytes.
 *
 * @throws ModelFormatError for integers without a scale
 */
export function toFloat32(tensor: Tensor): Float32Array {
  const values = toFloats(tensor);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** Like {@link toFloat32}, but F64 keeps its precision. */
export function toFloats(tensor: Tensor): Float32Array | Float64Array {
  const count = elementCount(tensor.shape);
  const size = DTYPE_BYTES[tensor.dtype];
  const bytes = tensor.bytes.byteOffset % size === 0 ? tensor.bytes : new Uint8Array(tensor.bytes);
  if (tensor.scale) {
    return scaledRows(new Int8Array(bytes.buffer, bytes.byteOffset, count), toFloats(tensor.scale));
  }
  switch (tensor.dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer, bytes.byteOffset, count);
    case 'F64':
      return new Float64Array(bytes.buffer, bytes.byteOffset, count);
    case 'F16':
      return float16ToFloat32(new Uint16Array(bytes.buffer, bytes.byteOffset, count));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(bytes.buffer, bytes.byteOffset, count));
    default:
      throw new ModelFormatError(`tensor "${tensor.name}" holds ${tensor.dtype}, but weights must be floating point`, {
        format: 'tensor',
        tensor: tensor.name,
      });
  }
}

function scaledRows(integers: Int8Array, scales: Float32Array | Float64Array): Float32Array {
  const values = new Float32Array(integers.length);
  const width = integers.length / scales.length;
  let index = 0;
  for (const scale of scales) {
    for (const end = index + width; index < end; index++) values[index] = (integers[index] ?? 0) * scale;
  }
  return values;
}

const bfloat16ToFloat32 = (words: Uint16Array): Float32Array =>
  new Float32Array(Uint32Array.from(words, (bits) => bits << 16).buffer);
