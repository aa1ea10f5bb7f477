/** Strided views of storages → dense tensors. */
import { DTYPE_BYTES, elementCount, type Tensor } from '../../tensor/tensor.js';
import { formatError } from '../format-error.js';
import type { StorageRef, TensorRef } from './values.js';

const pytorchError = formatError('pytorch');

/** The bytes of a storage: at least `count` elements of it. */
export type StorageReader = (storage: StorageRef) => Uint8Array;

/** Makes tensors, with a limit on the bytes that rearranging may allocate. */
export class TensorMaker {
  readonly #read: StorageReader;
  #budget: number;

  /** @param budget bytes that all non-contiguous tensors together may take */
  constructor(read: StorageReader, budget: number) {
    this.#read = read;
    this.#budget = budget;
  }

  /** @throws ModelFormatError naming the tensor that reaches outside its storage, or would be far larger than it */
  make(name: string, ref: TensorRef): Tensor {
    const { dtype, shape, storage } = ref;
    const size = DTYPE_BYTES[dtype];
    const count = elementCount(shape);
    const bytes = this.#read(storage);
    const first = ref.offset + storage.offset;
    const last = first + shape.reduce((sum, dimension, axis) => sum + (dimension - 1) * (ref.strides[axis] ?? 0), 0);
    const available = Math.floor(bytes.length / size);
    if (count > 0 && !(last < available)) throw wrong(name, `needs element ${last} of a storage that has ${available}`);
    if (count > available) throw wrong(name, `has ${count} elements, its storage ${available}`);
    if (count === 0) return { name, dtype, shape, bytes: new Uint8Array(0) };
    if (isContiguous(ref)) {
      return { name, dtype, shape, bytes: bytes.subarray(first * size, (first + count) * size) };
    }
    this.#budget -= count * size;
    if (this.#budget < 0) throw wrong(name, 'and others would take far more memory than the file');
    return { name, dtype, shape, bytes: gather(bytes, first, ref, size) };
  }
}

function isContiguous({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const dimension = shape[axis] ?? 1;
    if (dimension !== 1 && strides[axis] !== expected) return false;
    expected *= dimension;
  }
  return true;
}

/** Copies element by element in row-major order. */
function gather(bytes: Uint8Array, first: number, { shape, strides }: TensorRef, size: number): Uint8Array {
  const out = new Uint8Array(elementCount(shape) * size);
  const index = shape.map(() => 0);
  let source = first;
  for (let target = 0; target < out.length; target += size) {
    out.set(bytes.subarray(source * size, (source + 1) * size), target);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis] ?? 0;
      const next = (index[axis] ?? 0) + 1;
      source += stride;
      if (next < (shape[axis] ?? 1)) {
        index[axis] = next;
        break;
      }
      index[axis] = 0;
      source -= next * stride;
    }
  }
  return out;
}

function wrong(tensor: string, what: string): Error {
  return pytorchError(`tensor "${tensor}" ${what}`, { tensor });
}
