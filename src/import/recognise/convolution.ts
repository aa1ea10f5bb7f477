/** The weights of a convolution, checked against what enters it. */
import { elementCount } from '../../tensor/tensor.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import { type Operands, tensorOf } from '../graph/operands.js';
import type { Conv } from './graph-state.js';
import { describe } from './window.js';

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
