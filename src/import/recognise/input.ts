/** The rules of what stands before the stem: a gray image repeated, channels reversed, a normalisation. */

import { elementCount, toFloats } from '../../tensor/tensor.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import { type Operands, tensorOf } from '../graph/operands.js';
import { type GraphState, type Input, unexpected } from './graph-state.js';

/** `Mul`, `Div`, `Add` and `Sub` of one number, or of one for each channel. */
export function affineInput(node: Node, input: Input, [operand]: Operands, isSwapped: boolean): Input {
  const tensor = tensorOf(node, operand);
  const count = elementCount(tensor.shape);
  const channels = input.dims[1] ?? (count > 1 ? count : null);
  const isPerChannel = tensor.shape.at(-3) === count && (channels === null || count === channels);
  if (count !== 1 && !isPerChannel)
    throw unsupportedNode(node, `expected one number or one for each channel of the image, found [${tensor.shape}]`);
  const values = [...toFloats(tensor)];
  const before = input.affine ?? { scale: [1], shift: [0] };
  const length = Math.max(count, before.scale.length);
  const at = (list: readonly number[], c: number) => list[list.length === 1 ? 0 : c] ?? Number.NaN;
  const each = (use: (value: number, scale: number, shift: number) => number) =>
    Array.from({ length }, (_, c) => use(at(values, c), at(before.scale, c), at(before.shift, c)));
  const affine = (() => {
    switch (node.op) {
      case 'Mul':
        return { scale: each((v, s) => s * v), shift: each((v, _, t) => t * v) };
      case 'Div':
        return { scale: each((v, s) => s / v), shift: each((v, _, t) => t / v) };
      case 'Sub':
        return isSwapped
          ? { scale: each((_, s) => -s), shift: each((v, _, t) => v - t) }
          : { scale: each((_, s) => s), shift: each((v, _, t) => t - v) };
      default:
        return { scale: each((_, s) => s), shift: each((v, _, t) => t + v) };
    }
  })();
  return { ...input, affine };
}

/** `Concat` of one gray image, or of an image's own channels in any order. */
export function joinInputs(node: Node, parts: readonly Input[]): Input {
  const [first] = parts;
  const isSame = parts.every(({ affine, dims }) => affine === first?.affine && dims[1] === first?.dims[1]);
  const axis = node.int('axis', 1);
  if (!first || !isSame || (axis !== 1 && axis !== -3))
    throw unsupportedNode(node, 'expected the same image several times, joined along the channels');
  const from = parts.flatMap((part) => part.from ?? Array.from({ length: part.dims[1] ?? 1 }, (_, c) => c));
  return { ...first, dims: first.dims.map((side, axis) => (axis === 1 ? from.length : side)), from };
}

/** `Gather` and `Slice` along the channels: one channel, or all reversed. */
export function pickChannels(node: Node, input: Input, indices: readonly number[]): Input {
  const all = input.from ?? Array.from({ length: input.dims[1] ?? 0 }, (_, c) => c);
  const from = indices.map((index) => all[index < 0 ? index + all.length : index]);
  if (from.some((channel) => channel === undefined) || input.affine)
    throw unsupportedNode(node, 'expected channels of the image itself');
  const known = from.filter((channel) => channel !== undefined);
  return { ...input, dims: input.dims.map((side, axis) => (axis === 1 ? known.length : side)), from: known };
}

/** NHWC → NCHW, as converters from TensorFlow write before the stem. */
export function transposeInput(node: Node, state: GraphState): GraphState {
  const order = node.ints('perm') ?? [];
  if (state.at !== 'input' || order.join() !== '0,3,1,2')
    throw unexpected(node, state, `, found an order of [${order}]`);
  return { ...state, dims: order.map((axis) => state.dims[axis] ?? null) };
}
