/** The window of a convolution or a pool: how its attributes say it, and what it makes of a map's size. */
import { type Node, unsupportedNode } from '../graph/node.js';
import type { Size } from './graph-state.js';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  /** Top, left, bottom, right. */
  readonly pads: readonly number[];
  readonly isCeil: boolean;
}

const NO_PADS = [0, 0, 0, 0];

/**
 * With SAME padding and a stride, TensorFlow pads an even side by 2 before and 3 after for the 7×7 convolution, by 0 and 1
 * for the pool, where every other DenseNet pads by 3 and 3, 1 and 1.
 */
const SAME_PADDING =
  'with a stride pads even sizes by one pixel less in front, so that its windows lie one pixel further on than in the ' +
  'DenseNets of keras.applications, torchvision and the paper, and this runtime computes those';

/**
 * @param kernel height and width where the weights say them; else the node does
 * @param padding what a `Pad` node before this one adds
 * @throws ModelShapeError for dilated windows, and `SAME` padding that depends on a size that the graph leaves open
 */
export function windowOf(
  node: Node,
  size: Size,
  padding: readonly number[] = NO_PADS,
  kernel?: readonly number[],
): Window {
  const shape = kernel ?? node.ints('kernel_shape') ?? [];
  const strides = node.ints('strides') ?? shape.map(() => 1);
  if (shape.length !== 2 || strides.length !== 2) throw unsupportedNode(node, 'expected a window of height and width');
  if (node.ints('dilations')?.some((dilation) => dilation !== 1)) throw unsupportedNode(node, 'its window is dilated');
  if (node.text('auto_pad', '').startsWith('SAME') && padding.some((zeros) => zeros > 0))
    throw unsupportedNode(node, `it pads as SAME what has been padded already; SAME ${SAME_PADDING}`);
  const own = padsOf(node, shape, strides, size);
  const pads = NO_PADS.map((_, side) => (own[side] ?? 0) + (padding[side] ?? 0));
  return { kernel: shape, strides, pads, isCeil: node.int('ceil_mode', 0) === 1 };
}

function padsOf(node: Node, kernel: readonly number[], strides: readonly number[], size: Size): readonly number[] {
  const mode = node.text('auto_pad', 'NOTSET');
  if (mode === 'NOTSET') return node.ints('pads') ?? NO_PADS;
  if (mode === 'VALID') return NO_PADS;
  const ends = [0, 1].map((axis) => {
    const [length = null, window = 1, stride = 1] = [size[axis], kernel[axis], strides[axis]];
    if (length === null && stride > 1)
      throw unsupportedNode(node, `${mode} padding depends on a size that the graph leaves open`);
    const sides = length ?? window;
    const total = Math.max((Math.ceil(sides / stride) - 1) * stride + window - sides, 0);
    const less = Math.floor(total / 2);
    return mode === 'SAME_LOWER' ? [total - less, less] : [less, total - less];
  });
  return [0, 1].flatMap((end) => ends.map((pair) => pair[end] ?? 0));
}

/** The size of what the window makes of a map. */
export function slide({ kernel, strides, pads, isCeil }: Window, size: Size): Size {
  const side = (axis: 0 | 1): number | null => {
    const length = size[axis];
    if (length === null) return null;
    const steps = (length + (pads[axis] ?? 0) + (pads[axis + 2] ?? 0) - (kernel[axis] ?? 1)) / (strides[axis] ?? 1);
    return (isCeil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  };
  return [side(0), side(1)];
}

/** Whether a window that rounds up makes the same of this size as one that rounds down. */
export function roundsDown(window: Window, size: Size): boolean {
  if (!window.isCeil) return true;
  const [height, width] = slide({ ...window, isCeil: false }, size);
  const [up, across] = slide(window, size);
  return height !== null && width !== null && height === up && width === across;
}

export function isSquare({ kernel, strides, pads }: Window, side: number, stride: number, pad: number): boolean {
  return (
    kernel.every((length) => length === side) &&
    strides.every((step) => step === stride) &&
    pads.every((zeros) => zeros === pad)
  );
}

/** `3×3, stride 2, padding 1`, for messages. */
export function describe({ kernel, strides, pads, isCeil }: Window): string {
  const same = (values: readonly number[]) =>
    values.every((value) => value === values[0]) ? `${values[0]}` : `[${values}]`;
  const further = strides.some((step) => step > 1) && pads[0] !== pads[2] ? `; SAME ${SAME_PADDING}` : '';
  return `${kernel.join('×')}, stride ${same(strides)}, padding ${same(pads)}${isCeil ? ', rounding up' : ''}${further}`;
}
