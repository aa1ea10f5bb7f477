/** The rules of the head: pooled features → vector → logits → scores. */
import { elementCount, floatTensor, type Tensor, toFloats } from '../../tensor/tensor.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import { type Operands, tensorOf } from '../graph/operands.js';
import { transpose } from '../graph/rearrange.js';
import { channelsOf, requireLayers } from './block.js';
import { readyNorm } from './body.js';
import { FOLLOWERS, type GraphState, type Logits, type Pooled, type Scores, unexpected } from './graph-state.js';

/** `GlobalAveragePool`, or `ReduceMean` over height and width. */
export function globalAverage(node: Node, state: GraphState, axes: readonly number[] | null): Pooled {
  if (state.at !== 'activated') throw unexpected(node, state);
  const norm = readyNorm(node, state);
  const { from } = state;
  requireLayers(node, from);
  if (node.op === 'GlobalAveragePool') return { at: 'pooled', from, norm, rank: 4 };
  const over = (axes ?? []).map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (over.join() !== '2,3') throw unsupportedNode(node, `expected the mean over axes 2 and 3, found ${axes ?? 'all'}`);
  return { at: 'pooled', from, norm, rank: node.int('keepdims', 1) === 1 ? 4 : 2 };
}

/**
 * `Flatten`, `Squeeze` and `Reshape` behind the pool: [N, C, 1, 1] ⇄ [N, C].
 *
 * @param target of `Reshape`, dimensions that are computed from the picture's size as `null`; else `null`
 * @param axes of `Squeeze`; `null` for all
 */
export function flatten(
  node: Node,
  state: GraphState,
  target: readonly (number | null)[] | null,
  axes: readonly number[] | null,
): GraphState {
  const vector = pooled(node, state);
  const channels = vector.at === 'logits' ? classesOf(vector) : channelsOf(vector.from);
  if (node.op === 'Flatten' && node.int('axis', 1) !== 1)
    throw unsupportedNode(node, `expected axis 1, found ${node.int('axis', 1)}`);
  const dropped = axes?.map((axis) => (axis < 0 ? axis + 4 : axis)).sort() ?? [2, 3];
  if (node.op === 'Squeeze' && dropped.join() !== '2,3')
    throw unsupportedNode(node, `expected axes 2 and 3, found ${axes}`);
  if (!target) return { ...vector, rank: 2 };
  const [, wanted = 1, ...ones] = target;
  const isMap = ones.length === 2;
  const fits = wanted === null || wanted === -1 || wanted === channels || (wanted === 0 && target.length > 1);
  if (!fits || target.length < 2 || !(isMap || ones.length === 0) || ones.some((one) => one !== 1))
    throw unsupportedNode(
      node,
      `expected [N, ${channels}], the pooled features of a picture, found [${target.map((d) => d ?? '?')}]`,
    );
  return { ...vector, rank: isMap ? 4 : 2 };
}

function pooled(node: Node, state: GraphState): Pooled | Logits {
  switch (state.at) {
    case 'pooled':
    case 'logits':
      return state;
    case 'averaged': {
      const { from, norm, size } = state;
      if (size.every((side) => side === 1 || side === null)) return { at: 'pooled', from, norm, rank: 4 };
      throw unsupportedNode(
        node,
        `the head flattens a map of ${size.join('×')}; expected an average over the whole map`,
      );
    }
    case 'features':
    case 'normed':
    case 'activated':
    case 'reduced':
      throw unsupportedNode(
        node,
        'the head flattens the map; expected an average over the whole map (global average pooling)',
      );
    default:
      throw unexpected(node, state);
  }
}

/** A 1×1 convolution of the pooled map. */
export function convHead(node: Node, { from, norm }: Pooled, [weight, bias]: Operands): Logits {
  const matrix = tensorOf(node, weight);
  const [classes = 0, , height, width] = matrix.shape;
  if (matrix.shape.length !== 4 || height !== 1 || width !== 1)
    throw unsupportedNode(node, `expected a 1×1 convolution as the head, found weights [${matrix.shape}]`);
  const pads = node.ints('pads') ?? [];
  if (node.int('group', 1) !== 1 || pads.some((pad) => pad !== 0))
    throw unsupportedNode(node, 'expected no groups and no padding');
  const flat = { ...matrix, shape: [classes, matrix.shape[1] ?? 0] };
  return logits(node, { at: 'logits', from, norm, weight: flat, bias: bias ? tensorOf(node, bias) : null, rank: 4 });
}

export function gemm(node: Node, state: GraphState, [weight, bias]: Operands): Logits {
  const vector = flatVector(node, state);
  if (node.int('transA', 0) !== 0) throw unsupportedNode(node, 'it transposes the features');
  if (node.float('alpha', 1) !== 1 || (bias && node.float('beta', 1) !== 1))
    throw unsupportedNode(node, 'its alpha or beta is not 1');
  const given = tensorOf(node, weight);
  const matrix = node.int('transB', 0) === 1 ? given : turned(node, given);
  return logits(node, { ...vector, at: 'logits', weight: matrix, bias: bias ? tensorOf(node, bias) : null, rank: 2 });
}

export function matMul(node: Node, state: GraphState, [weight]: Operands): Logits {
  const vector = flatVector(node, state);
  return logits(node, { ...vector, at: 'logits', weight: turned(node, tensorOf(node, weight)), bias: null, rank: 2 });
}

function flatVector(node: Node, state: GraphState): Pooled {
  if (state.at === 'pooled' && state.rank === 2) return state;
  if (state.at === 'pooled')
    throw unsupportedNode(node, 'expected Flatten, Reshape or Squeeze of the pooled map before it');
  throw unexpected(node, state);
}

/** [C, classes] → [classes, C]. */
function turned(node: Node, tensor: Tensor): Tensor {
  const out = transpose({ kind: 'floats', tensor }, [1, 0]);
  if (tensor.shape.length === 2 && out.kind === 'floats') return out.tensor;
  throw unsupportedNode(node, `expected a matrix, found weights [${tensor.shape}]`);
}

function logits(node: Node, made: Logits): Logits {
  const channels = channelsOf(made.from);
  const { weight, bias } = made;
  const [classes = 0, into] = weight.shape;
  if (weight.shape.length !== 2 || into !== channels || classes === 0)
    throw unsupportedNode(
      node,
      `expected weights for ${channels} features, the channels of the last block, found [${weight.shape}]`,
    );
  if (bias && (elementCount(bias.shape) !== classes || bias.shape.at(-1) !== classes))
    throw unsupportedNode(node, `expected ${classes} biases, found [${bias.shape}]`);
  return { ...made, bias: bias && { ...bias, shape: [classes] } };
}

const classesOf = ({ weight }: Logits): number => weight.shape[0] ?? 0;

/** `Add` behind `MatMul` or a convolution. */
export function addBias(node: Node, state: Logits, [operand]: Operands): Logits {
  const term = tensorOf(node, operand);
  const classes = classesOf(state);
  // [classes] or [1, classes]; [classes, 1, 1] or [1, classes, 1, 1] where the logits are a map.
  const isAligned = term.shape.at(state.rank === 2 ? -1 : -3) === classes && elementCount(term.shape) === classes;
  if (node.op !== 'Add' || !isAligned)
    throw unexpected(node, state, `, or Add of ${classes} biases; found ${node.op} of [${term.shape}]`);
  if (!state.bias) return { ...state, bias: { ...term, shape: [classes] } };
  const [a, b] = [toFloats(state.bias), toFloats(term)];
  const sum = Float32Array.from(a, (value, c) => value + (b[c] ?? Number.NaN));
  return { ...state, bias: floatTensor(term.name, [classes], sum) };
}

export function activation(node: Node, state: GraphState): Scores {
  if (state.at !== 'logits') throw unexpected(node, state);
  const axis = node.int('axis', node.opset < 13 ? 1 : -1);
  if (node.op === 'Sigmoid') return { at: 'scores', logits: state, activation: 'sigmoid' };
  if (axis !== 1 && !(axis === -1 && state.rank === 2))
    throw unsupportedNode(node, `expected ${FOLLOWERS.logits} over axis 1, found axis ${axis}`);
  return { at: 'scores', logits: state, activation: 'softmax' };
}
