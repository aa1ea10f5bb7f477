/** Constants of a graph: weights, which stay in the file's bytes, and the whole numbers that say axes, pads and shapes. */
import type { Tensor } from '../../tensor/tensor.js';

/** Floating-point values; `tensor.name` is the initialiser's, for messages. */
export interface Floats {
  readonly kind: 'floats';
  readonly tensor: Tensor;
}

/** Whole numbers, row-major; `null` where only running the graph would tell (a dimension that it leaves open). */
export interface Ints {
  readonly kind: 'ints';
  readonly shape: readonly number[];
  readonly values: readonly (number | null)[];
}

/** Values of a type that neither weights nor shapes have, or far too many for a shape. */
export interface Opaque {
  readonly kind: 'opaque';
  readonly shape: readonly number[];
  readonly type: string;
}

export type Constant = Floats | Ints | Opaque;

/** For messages. */
export function describeConstant(constant: Constant | null | undefined): string {
  if (!constant) return 'nothing';
  if (constant.kind === 'floats') return `${constant.tensor.dtype} [${constant.tensor.shape}]`;
  return `${constant.kind === 'ints' ? 'whole numbers' : constant.type} [${constant.shape}]`;
}
