/** Constants in another shape or order: element `i` of the result is element `from(i)` of the source. */
import { DTYPE_BYTES, elementCount } from '../../tensor/tensor.js';
import type { Constant, Floats } from './constant.js';

export function shapeOf(constant: Constant): readonly number[] {
  return constant.kind === 'floats' ? constant.tensor.shape : constant.shape;
}

/** The same elements; their count must fit, which the caller has checked. */
export function withShape(constant: Constant, shape: readonly number[]): Constant {
  if (constant.kind !== 'floats') return { ...constant, shape };
  return { kind: 'floats', tensor: { ...constant.tensor, shape } };
}

/** Axis `a` of the result is axis `order[a]` of the source. */
export function transpose(constant: Constant, order: readonly number[]): Constant {
  const source = shapeOf(constant);
  const steps = strides(source);
  return gather(
    constant,
    order.map((axis) => source[axis] ?? 1),
    order.map((axis) => steps[axis] ?? 0),
  );
}

/** Repeats axes of length 1, and new ones in front, as NumPy broadcasts. `shape` is the result's. */
export function broadcast(constant: Constant, shape: readonly number[]): Constant {
  const source = shapeOf(constant);
  if (constant.kind === 'floats' && elementCount(source) === 1) return filled(constant, shape);
  const added = shape.length - source.length;
  const steps = strides(source);
  return gather(
    constant,
    shape,
    shape.map((_, axis) => ((source[axis - added] ?? 1) === 1 ? 0 : (steps[axis - added] ?? 0))),
  );
}

/** One value everywhere, by doubling what is there. */
function filled({ tensor }: Floats, shape: readonly number[]): Floats {
  const bytes = new Uint8Array(elementCount(shape) * DTYPE_BYTES[tensor.dtype]);
  bytes.set(tensor.bytes.subarray(0, bytes.length));
  for (let done = tensor.bytes.length; done < bytes.length; done *= 2) bytes.copyWithin(done, 0, done);
  return { kind: 'floats', tensor: { ...tensor, shape, bytes } };
}

/** The elements at `from`, in that order, along an axis. */
export function take(constant: Constant, axis: number, from: readonly number[]): Constant {
  const source = shapeOf(constant);
  const inner = elementCount(source.slice(axis + 1));
  const outer = elementCount(source.slice(0, axis));
  const length = source[axis] ?? 1;
  const indices = new Int32Array(outer * from.length * inner);
  let position = 0;
  for (let o = 0; o < outer; o++) {
    for (const index of from) {
      for (let i = 0; i < inner; i++) indices[position++] = (o * length + index) * inner + i;
    }
  }
  return pick(constant, [...source.slice(0, axis), from.length, ...source.slice(axis + 1)], indices);
}

/** Row-major steps between neighbours along each axis. */
function strides(shape: readonly number[]): number[] {
  return shape.map((_, axis) => elementCount(shape.slice(axis + 1)));
}

/** `steps[a]` elements of the source lie between neighbours along axis `a` of the result. */
function gather(constant: Constant, shape: readonly number[], steps: readonly number[]): Constant {
  let indices = Int32Array.of(0);
  for (const [axis, length] of shape.entries()) {
    const step = steps[axis] ?? 0;
    const wider = new Int32Array(indices.length * length);
    let position = 0;
    for (const index of indices) for (let i = 0; i < length; i++) wider[position++] = index + i * step;
    indices = wider;
  }
  return pick(constant, shape, indices);
}

function pick(constant: Constant, shape: readonly number[], indices: Int32Array): Constant {
  if (constant.kind === 'ints') {
    return { kind: 'ints', shape, values: Array.from(indices, (index) => constant.values[index] ?? null) };
  }
  if (constant.kind === 'opaque') return { ...constant, shape };
  const { tensor } = constant;
  const bytes = pickWords(tensor.bytes, DTYPE_BYTES[tensor.dtype], indices);
  return { kind: 'floats', tensor: { ...tensor, shape, bytes } };
}

/** Element by element, in words of 2 or 4 bytes: several times as fast as by bytes. */
function pickWords(bytes: Uint8Array, size: number, indices: Int32Array): Uint8Array {
  const word = size === 2 ? 2 : 4;
  const aligned = bytes.byteOffset % word === 0 ? bytes : new Uint8Array(bytes);
  const view = (from: ArrayBufferLike, start: number, length: number) =>
    word === 2 ? new Uint16Array(from, start, length) : new Uint32Array(from, start, length);
  const words = view(aligned.buffer, aligned.byteOffset, bytes.length / word);
  const each = size / word;
  const out = new Uint8Array(indices.length * size);
  const target = view(out.buffer, 0, indices.length * each);
  let position = 0;
  for (const index of indices) for (let w = 0; w < each; w++) target[position++] = words[index * each + w] ?? 0;
  return out;
}
