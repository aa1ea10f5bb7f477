/** The rules of the head: the last map → pooled vector → dense layers → scores. */
import type { HeadActivation } from '../../model/config.js';
import { elementCount, type Tensor, toFloats } from '../../tensor/tensor.js';
import { type Node, unsupportedNode } from '../graph/node.js';
import { type Operands, tensorOf, vector } from '../graph/operands.js';
import { transpose } from '../graph/rearrange.js';
import { channelsOf, requireLayers } from './block.js';
import { readyNorm } from './body.js';
import { dense, normBehind } from './dense.js';
import { type GraphState, type HeadVector, type Pool, type Scores, unexpected } from './graph-state.js';
import { shortest } from './norm.js';

export const pooledVector = (pool: Pool, rank: HeadVector['rank']): HeadVector => ({
  at: 'vector',
  pool,
  layers: [],
  pending: null,
  rank,
});

/** Values of the vector. */
export function widthOf({ pool, layers }: HeadVector): number {
  return layers.at(-1)?.width ?? channelsOf(pool.from) * pool.kinds.length;
}

/** `GlobalAveragePool`, `GlobalMaxPool`, or `ReduceMean` and `ReduceMax` over height and width. */
export function globalPool(node: Node, state: GraphState, axes: readonly number[] | null): HeadVector {
  if (state.at !== 'activated' && state.at !== 'normed') throw unexpected(node, state);
  const hasRelu = state.at === 'activated';
  const norm = state.at === 'activated' ? readyNorm(node, state) : state.norm;
  requireLayers(node, state.from);
  const isWhole = node.op.startsWith('Global');
  const kind = node.op === 'GlobalMaxPool' || node.op === 'ReduceMax' ? 'max' : 'average';
  const pool: Pool = { from: state.from, norm, hasRelu, kinds: [kind] };
  const over = (axes ?? []).map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (!isWhole && over.join() !== '2,3')
    throw unsupportedNode(
      node,
      `expected the ${kind === 'max' ? 'maximum' : 'mean'} over axes 2 and 3, found ${axes ?? 'all'}`,
    );
  return pooledVector(pool, isWhole || node.int('keepdims', 1) === 1 ? 4 : 2);
}

/** Joins the averages and the maxima of one map. */
export function joinPools(node: Node, parts: readonly HeadVector[]): HeadVector {
  const [first] = parts;
  const isPair = parts.every(({ layers, pending, pool }) => {
    return layers.length === 0 && !pending && pool.norm === first?.pool.norm && pool.hasRelu === first.pool.hasRelu;
  });
  const kinds = parts.flatMap(({ pool }) => pool.kinds);
  const axis = node.int('axis', 1);
  if (!first || !isPair || kinds.length !== 2 || kinds[0] === kinds[1] || (axis !== 1 && axis !== first.rank - 1))
    throw unsupportedNode(node, 'expected the average and the maximum of the last map, joined along the channels');
  return pooledVector({ ...first.pool, kinds }, first.rank);
}

/**
 * `Flatten`, `Squeeze` and `Reshape` behind the pool: [N, C, 1, 1] ⇄ [N, C].
 *
 * @param target of `Reshape`, dimensions that are computed from the image's size as `null`; else `null`
 * @param axes of `Squeeze`; `null` for all
 */
export function flatten(
  node: Node,
  state: GraphState,
  target: readonly (number | null)[] | null,
  axes: readonly number[] | null,
): GraphState {
  const pooled = pooledOf(node, state);
  const width = widthOf(pooled);
  if (node.op === 'Flatten' && node.int('axis', 1) !== 1)
    throw unsupportedNode(node, `expected axis 1, found ${node.int('axis', 1)}`);
  const dropped = axes?.map((axis) => (axis < 0 ? axis + 4 : axis)).sort() ?? [2, 3];
  if (node.op === 'Squeeze' && dropped.join() !== '2,3')
    throw unsupportedNode(node, `expected axes 2 and 3, found ${axes}`);
  if (!target) return { ...pooled, rank: 2 };
  if (target.length === 1 && (target[0] === -1 || target[0] === width)) return { ...pooled, rank: 1 };
  const [, wanted = 1, ...ones] = target;
  const isMap = ones.length === 2;
  const fits = wanted === null || wanted === -1 || wanted === width || (wanted === 0 && target.length > 1);
  if (!fits || target.length < 2 || !(isMap || ones.length === 0) || ones.some((one) => one !== 1))
    throw unsupportedNode(
      node,
      `expected [N, ${width}], the pooled features of an image, found [${target.map((d) => d ?? '?')}]`,
    );
  return { ...pooled, rank: isMap ? 4 : 2 };
}

/** `Gather` of a flat vector by its own places in order, as torch 2.9 exports a channels-last network's view. */
export function gatherVector(node: Node, state: HeadVector, indices: readonly number[], rank: number): HeadVector {
  const isWhole = indices.length === widthOf(state) && indices.every((index, place) => index === place);
  if (state.rank === 1 && isWhole && (rank === 2 || rank === 4)) return { ...state, rank };
  throw unexpected(node, state, ', found Gather of a part of the features');
}

/** What a network without a classifier ends with: the pooled features, or the last map, whose averages they are. */
export function featuresAt(state: GraphState): HeadVector | null {
  if (state.at === 'vector') return state.layers.length === 0 && !state.pending ? state : null;
  if ((state.at !== 'activated' && state.at !== 'normed') || !state.norm || state.from.layers.length === 0) return null;
  const { from, norm } = state;
  return pooledVector({ from, norm, hasRelu: state.at === 'activated', kinds: ['average'] }, 4);
}

/** A vector; also a map of 1×1, whose only pixel is its own average. */
function pooledOf(node: Node, state: GraphState): HeadVector {
  switch (state.at) {
    case 'vector':
      return state;
    case 'averaged': {
      const { from, norm, hasRelu, size } = state;
      if (size.every((side) => side === 1 || side === null))
        return pooledVector({ from, norm, hasRelu, kinds: ['average'] }, 4);
      throw unsupportedNode(
        node,
        `the head flattens a map of ${size.join('×')}; expected an average over the whole map`,
      );
    }
    case 'activated':
    case 'normed':
      if (state.size[0] === 1 && state.size[1] === 1 && (state.at === 'normed' || state.norm)) {
        const norm = state.at === 'activated' ? readyNorm(node, state) : state.norm;
        return pooledVector({ from: state.from, norm, hasRelu: state.at === 'activated', kinds: ['average'] }, 4);
      }
      throw unsupportedNode(node, FLATTENS);
    case 'features':
    case 'reduced':
      throw unsupportedNode(node, FLATTENS);
    default:
      throw unexpected(node, state);
  }
}

const FLATTENS = 'the head flattens the map; expected an average over the whole map (global average pooling)';

/** A 1×1 convolution of the pooled map. */
export function convHead(node: Node, state: HeadVector, [weight, bias]: Operands): HeadVector {
  const matrix = tensorOf(node, weight);
  const [out = 0, , height, width] = matrix.shape;
  if (matrix.shape.length !== 4 || height !== 1 || width !== 1)
    throw unsupportedNode(node, `expected a 1×1 convolution as the head, found weights [${matrix.shape}]`);
  const pads = node.ints('pads') ?? [];
  if (node.int('group', 1) !== 1 || pads.some((pad) => pad !== 0))
    throw unsupportedNode(node, 'expected no groups and no padding');
  return withDense(node, state, { ...matrix, shape: [out, matrix.shape[1] ?? 0] }, bias);
}

export function gemm(node: Node, state: GraphState, [weight, bias]: Operands): HeadVector {
  const flat = flatVector(node, state);
  if (node.int('transA', 0) !== 0) throw unsupportedNode(node, 'it transposes the features');
  if (node.float('alpha', 1) !== 1 || (bias && node.float('beta', 1) !== 1))
    throw unsupportedNode(node, 'its alpha or beta is not 1');
  const given = tensorOf(node, weight);
  return withDense(node, flat, node.int('transB', 0) === 1 ? given : turned(node, given), bias);
}

export function matMul(node: Node, state: GraphState, [weight]: Operands): HeadVector {
  return withDense(node, flatVector(node, state), turned(node, tensorOf(node, weight)), null);
}

function flatVector(node: Node, state: GraphState): HeadVector {
  if (state.at === 'vector' && state.rank === 2) return state;
  if (state.at === 'vector')
    throw unsupportedNode(node, 'expected Flatten, Reshape or Squeeze of the pooled map before it');
  throw unexpected(node, state);
}

/** [C, classes] → [classes, C]. */
function turned(node: Node, tensor: Tensor): Tensor {
  const out = transpose({ kind: 'floats', tensor }, [1, 0]);
  if (tensor.shape.length === 2 && out.kind === 'floats') return out.tensor;
  throw unsupportedNode(node, `expected a matrix, found weights [${tensor.shape}]`);
}

/** More than any head has. */
const MOST_LAYERS = 32;

function withDense(node: Node, state: HeadVector, weight: Tensor, bias: Operands[number] | undefined): HeadVector {
  const width = widthOf(state);
  if (state.layers.length === MOST_LAYERS) throw unsupportedNode(node, `the head has more than ${MOST_LAYERS} layers`);
  const [out = 0, into] = weight.shape;
  if (weight.shape.length !== 2 || into !== width || out === 0)
    throw unsupportedNode(
      node,
      state.layers.length === 0
        ? `expected weights for ${width} features, the channels of the last block, found [${weight.shape}]`
        : `expected weights for ${width} features, found [${weight.shape}]`,
    );
  const term = bias ? tensorOf(node, bias) : null;
  if (term && (elementCount(term.shape) !== out || term.shape.at(-1) !== out))
    throw unsupportedNode(node, `expected ${out} biases, found [${term.shape}]`);
  const made = dense(toFloats(weight), term ? toFloats(term) : new Float64Array(out), state.pending);
  return { ...state, layers: [...state.layers, made], pending: null };
}

/** `Add`, `Sub`, `Mul` and `Div` of a constant for each value: a bias, or a norm in parts. */
export function affineVector(node: Node, state: HeadVector, [operand]: Operands): HeadVector {
  const width = widthOf(state);
  const term = tensorOf(node, operand);
  const isAligned =
    elementCount(term.shape) === 1 ||
    (term.shape.at(state.rank === 2 ? -1 : -3) === width && elementCount(term.shape) === width);
  if (!isAligned) throw unexpected(node, state, `; found ${node.op} of [${term.shape}]`);
  const values = toFloats(term);
  const at = (i: number): number => values[values.length === 1 ? 0 : i] ?? Number.NaN;
  const scale = Float64Array.from({ length: width }, (_, i) =>
    node.op === 'Mul' ? at(i) : node.op === 'Div' ? 1 / at(i) : 1,
  );
  const shift = Float64Array.from({ length: width }, (_, i) =>
    node.op === 'Add' ? at(i) : node.op === 'Sub' ? -at(i) : 0,
  );
  return normBehind(state, scale, shift);
}

/** A batch norm over the vector, folded into its neighbour. */
export function normVector(node: Node, state: HeadVector, operands: Operands): HeadVector {
  const width = widthOf(state);
  const epsilon = shortest(node.float('epsilon', Math.fround(1e-5)));
  const [gamma, beta, mean, variance] = [0, 1, 2, 3].map((i) => vector(node, operands[i], width));
  if (!gamma || !beta || !mean || !variance) throw unsupportedNode(node, 'it lacks an input');
  const scale = gamma.map((value, i) => value / Math.sqrt((variance[i] ?? Number.NaN) + epsilon));
  const shift = beta.map((value, i) => value - (mean[i] ?? Number.NaN) * (scale[i] ?? Number.NaN));
  return normBehind(state, scale, shift);
}

/** Operator → what it is in a head, where its options are the usual ones. */
const ACTIVATIONS: Readonly<Record<string, HeadActivation>> = {
  Relu: 'relu',
  Sigmoid: 'sigmoid',
  Tanh: 'tanh',
  Elu: 'elu',
  LeakyRelu: 'leaky-relu',
};

export const isHeadActivation = (op: string): boolean => op === 'Gelu' || Object.hasOwn(ACTIVATIONS, op);

export function activateVector(node: Node, state: HeadVector): HeadVector {
  const form = node.text('approximate', 'none');
  const gelu = form === 'tanh' ? 'gelu-tanh' : form === 'none' ? 'gelu' : undefined;
  const activation = node.op === 'Gelu' ? gelu : ACTIVATIONS[node.op];
  const last = state.layers.at(-1);
  if (!activation || !last || state.pending || last.activation !== 'none')
    throw unsupportedNode(node, 'expected it behind a dense layer of the head');
  const alpha = node.float('alpha', node.op === 'Elu' ? 1 : 0.01);
  if (node.op === 'Elu' && alpha !== 1) throw unsupportedNode(node, `expected an ELU of alpha 1, found ${alpha}`);
  const slope = node.op === 'LeakyRelu' && Math.abs(alpha - 0.01) > 1e-6 ? { slope: alpha } : {};
  return { ...state, layers: [...state.layers.slice(0, -1), { ...last, activation, ...slope }] };
}

export function softmax(node: Node, state: GraphState): Scores {
  if (state.at !== 'vector' || state.layers.length === 0) throw unexpected(node, state);
  const axis = node.int('axis', node.opset < 13 ? 1 : -1);
  if (axis !== 1 && !(axis === -1 && state.rank === 2))
    throw unsupportedNode(node, `expected ${node.op} over axis 1, found axis ${axis}`);
  return { at: 'scores', vector: state };
}
