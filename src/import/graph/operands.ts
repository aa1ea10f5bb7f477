/** The constant inputs of nodes, checked: whole numbers, weights of convolutions, values per channel. */
import { elementCount, type Tensor, toFloats } from '../../tensor/tensor.js';
import type { Conv } from '../recognise/graph-state.js';
import { describe } from '../recognise/window.js';
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

/** @param channels that enter, or `null` where the graph does not say */
export function convOf(node: Node, operands: Operands, channels: number | null): Conv {
  const weight = tensorOf(node, operands[0]);
  const bias = operands[1] ? tensorOf(node, operands[1]) : null;
  const [out = 0, into = 0, height = 0, width = 0] = weight.shape;
  if (weight.shape.length !== 4 || height !== width || elementCount(weight.shape) === 0)
    throw unsupportedNode(node, `expected weights [out, in, k, k], found [${weight.shape}]`);
  const group = node.int('group', 1);
  if (group !== 1) throw unsupportedNode(node, `it is a grouped convolution (${group} groups)`);
  if (channels !== null && into !== channels)
    throw unsupportedNode(node, `expected ${channels} input channels, found weights [${weight.shape}]`);
  if (bias && elementCount(bias.shape) !== out)
    throw unsupportedNode(node, `expected ${out} biases, found [${bias.shape}]`);
  return { weight, bias: bias && { ...bias, shape: [out] }, kernel: height, out };
}

export function describeConv(node: Node, operands: Operands): string {
  const [, , height = 0, width = 0] = tensorOf(node, operands[0]).shape;
  const strides = node.ints('strides') ?? [1];
  return describe({ kernel: [height, width], strides, pads: node.ints('pads') ?? [0], isCeil: false });
}

/** The window that weights say. */
export const spatial = ({ kernel }: Conv): number[] => [kernel, kernel];

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
