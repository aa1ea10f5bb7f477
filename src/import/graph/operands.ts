/** The constant inputs of nodes, checked: whole numbers, weights of convolutions, values per channel. */
import { elementCount, type Tensor, toFloats } from '../../tensor/tensor.js';
import { type Constant, describeConstant, type Ints } from './constant.js';
import { type Node, unsupportedNode } from './node.js';

/** A node's inputs without the map that it works on; `null` where an optional one is left out. */
export type Operands = readonly (Constant | null)[];

export function required(node: Node, input: Constant | null | undefined): Constant {
  if (input) return input;
  throw unsupportedNode(node, 'it lacks an input');
}

export function asInts(node: Node, input: Constant | null | undefined): Ints {
  if (input?.kind === 'ints') return input;
  throw unsupportedNode(node, `expected whole numbers, found ${describeConstant(input)}`);
}

export function wholeNumbers(node: Node, input: Constant | null | undefined): readonly number[] {
  return asInts(node, input).values.map((value) => {
    if (value === null) throw unsupportedNode(node, 'it depends on a size that only running the graph would tell');
    return value;
  });
}

export function tensorOf(node: Node, operand: Constant | null | undefined): Tensor {
  if (operand?.kind === 'floats') return operand.tensor;
  throw unsupportedNode(node, `expected floating-point constants, found ${describeConstant(operand)}`);
}

/**
 * One value per channel, in double precision.
 *
 * @param mayBroadcast the shape is for arithmetic with a map: [C, 1, 1], [1, C, 1, 1], one value, or (before opset 7) [C]
 */
export function vector(
  node: Node,
  operand: Constant | null | undefined,
  channels: number,
  mayBroadcast = false,
): Float64Array {
  const tensor = tensorOf(node, operand);
  const count = elementCount(tensor.shape);
  const values = Float64Array.from(toFloats(tensor));
  if (mayBroadcast && count === 1) return new Float64Array(channels).fill(values[0] ?? Number.NaN);
  const fromChannels = tensor.shape.slice(-3);
  const isLegacy = node.int('broadcast', 0) === 1 && node.int('axis', 0) === 1 && tensor.shape.length === 1;
  const isAligned = !mayBroadcast || isLegacy || (fromChannels.length === 3 && fromChannels[0] === channels);
  if (count === channels && isAligned) return values;
  throw unsupportedNode(
    node,
    `expected one value for each of ${channels} channels, found a constant of [${tensor.shape}]`,
  );
}
