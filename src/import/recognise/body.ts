/** The rules of stem, dense layers and transitions: state and operation → the next state, or the error why not. */

import { type Node, unsupportedNode } from '../graph/node.js';
import { type Operands, vector } from '../graph/operands.js';
import { blockOf, channelsOf, type Order, orderOf, requireLayers } from './block.js';
import { convOf, describeConv, spatial } from './convolution.js';
import {
  type Activated,
  type Block,
  type Conv,
  type Features,
  FOLLOWERS,
  type GraphState,
  type Input,
  inFront,
  type Layer,
  type Normed,
  type Reduced,
  type Size,
  unexpected,
  unpadded,
} from './graph-state.js';
import { identityNorm, type Norm, scaled, shifted, shortest } from './norm.js';
import { describe, isSquare, slide, windowOf } from './window.js';

export class Body {
  /** How every Concat so far has joined features. */
  #order: Order | null = null;
  #growthRate: number | null = null;
  /** Channels of the bottleneck; 0 for plain layers. */
  #width: number | null = null;

  get order(): Order {
    return this.#order ?? 'old-first';
  }

  conv(node: Node, given: GraphState, operands: Operands): GraphState {
    const { state, pads } = unpadded(given);
    switch (state.at) {
      case 'input':
        return this.#stem(node, state, pads, operands);
      case 'activated': {
        const conv = convOf(node, operands, channelsOf(state.from));
        const norm = readyNorm(node, state);
        const window = windowOf(node, state.size, pads, spatial(conv));
        const { from } = state;
        if (isSquare(window, 3, 1, 1)) return this.#layer(node, { from, norm, reduce: null, conv }, state.size);
        if (!isSquare(window, 1, 1, 0)) break;
        return { at: 'reduced', from, norm1: norm, conv, norm2: null, isActive: false, size: state.size };
      }
      case 'reduced': {
        if (!state.isActive) break;
        const { from, norm1: norm, conv: narrow, norm2 } = state;
        const conv = convOf(node, operands, narrow.out);
        if (!isSquare(windowOf(node, state.size, pads, spatial(conv)), 3, 1, 1)) break;
        const reduce = { conv: narrow, norm: norm2 ?? identityNorm(narrow.out) };
        return this.#layer(node, { from, norm, reduce, conv }, state.size);
      }
      case 'averaged': {
        const { from, norm, size, hasRelu } = state;
        if (!hasRelu) break;
        const conv = convOf(node, operands, channelsOf(from));
        if (isSquare(windowOf(node, size, pads, spatial(conv)), 1, 1, 0))
          return transition(node, from, norm, conv, size);
      }
    }
    throw unexpected(node, given, `, found a convolution of ${describeConv(node, operands)}${inFront(state)}`);
  }

  #stem(node: Node, input: Input, pads: readonly number[], operands: Operands): Features {
    const conv = convOf(node, operands, input.dims[1] ?? null);
    const size: Size = [input.dims[2] ?? null, input.dims[3] ?? null];
    const window = windowOf(node, size, pads, spatial(conv));
    const side = [3, 5, 7].find((length) => length === conv.kernel);
    const stride = ([1, 2] as const).find((step) => isSquare(window, side ?? 0, step, ((side ?? 0) - 1) / 2));
    if (side === undefined || stride === undefined)
      throw unsupportedNode(node, `expected ${FOLLOWERS.input}, found ${describe(window)}`);
    const stem = { kind: 'stem', conv, stride, norm: null, isPooled: false, channels: conv.out, input } as const;
    return { at: 'features', parts: [stem], size: slide(window, size) };
  }

  #layer(node: Node, layer: Omit<Layer, 'kind' | 'channels'>, size: Size): Features {
    const channels = layer.conv.out;
    const width = layer.reduce?.conv.out ?? 0;
    this.#growthRate ??= channels;
    this.#width ??= width;
    if (channels !== this.#growthRate)
      throw unsupportedNode(
        node,
        `expected ${this.#growthRate} output channels, as in the layers before, found ${channels}`,
      );
    if (width !== this.#width)
      throw unsupportedNode(
        node,
        `expected a layer with ${bottleneck(this.#width)}, as those before, found ${bottleneck(width)}`,
      );
    return { at: 'features', parts: [{ kind: 'layer', channels, ...layer }], size };
  }

  concat(node: Node, states: readonly GraphState[]): GraphState {
    const [first] = states;
    if (first && states.length === 1) return first;
    const maps = states.map((state) => asFeatures(state) ?? refuseConcat(node, state));
    const size = maps[0]?.size ?? [null, null];
    const axis = node.int('axis', node.opset < 4 ? 1 : Number.NaN);
    if (axis !== 1 && axis !== -3) throw unsupportedNode(node, `expected the channel axis 1, found ${axis}`);
    if (maps.some((map) => map.size.some((side, i) => side !== null && size[i] !== null && side !== size[i])))
      throw unsupportedNode(node, 'it joins maps of different sizes');
    const features: Features = { at: 'features', parts: maps.flatMap(({ parts }) => parts), size };
    const order = orderOf(node, features, blockOf(node, features.parts));
    this.#order ??= order;
    if (order === this.#order) return features;
    throw unsupportedNode(node, `expected ${this.#order} order as in the Concats before, found ${order}`);
  }
}

const bottleneck = (width: number): string => (width === 0 ? 'no 1×1 bottleneck' : `a bottleneck of ${width}`);

export function batchNorm(node: Node, state: GraphState, operands: Operands): Normed | Reduced {
  const isTraining = node.int('training_mode', 0) === 1 || node.outputs.filter((name) => name !== '').length > 1;
  if (isTraining)
    throw unsupportedNode(node, 'it is in training mode; set the network to evaluation mode before the export');
  if (node.int('axis', 1) !== 1) throw unsupportedNode(node, 'it works along another axis than the channels');
  if (node.int('spatial', 1) !== 1) throw unsupportedNode(node, 'it norms every pixel by itself (spatial 0)');
  const epsilon = shortest(node.float('epsilon', Math.fround(1e-5)));
  return normed(node, state, (norm, channels, isFirst) => {
    if (!isFirst) throw unexpected(node, state);
    const [gamma, beta, mean, variance] = [0, 1, 2, 3].map((i) => vector(node, operands[i], channels));
    if (!gamma || !beta || !mean || !variance) throw unsupportedNode(node, 'it lacks an input');
    return { ...norm, gamma, beta, mean, variance, epsilon };
  });
}

/** `Mul`, `Add` and `Sub` of a constant per channel: Caffe's Scale, or all of a norm. */
export function affine(node: Node, state: GraphState, operands: Operands): Normed | Reduced {
  const [operand] = operands;
  return normed(node, state, (norm, channels) => {
    const values = vector(node, operand, channels, true);
    if (node.op === 'Mul') return scaled(norm, values);
    return shifted(norm, node.op === 'Sub' ? values.map((value) => -value) : values);
  });
}

/** Applies a norm where one may stand: before a layer's first ReLU or its second. */
function normed(
  node: Node,
  state: GraphState,
  change: (norm: Norm, channels: number, isFirst: boolean) => Norm,
): Normed | Reduced {
  if (state.at === 'reduced' && !state.isActive) {
    const { out } = state.conv;
    return { ...state, norm2: change(state.norm2 ?? identityNorm(out), out, !state.norm2) };
  }
  if (state.at === 'normed') return { ...state, norm: change(state.norm, channelsOf(state.from), false) };
  const features = asFeatures(state);
  if (!features) throw unexpected(node, state);
  const from = blockOf(node, features.parts);
  const channels = channelsOf(from);
  return { at: 'normed', from, norm: change(identityNorm(channels), channels, true), size: features.size };
}

export function relu(node: Node, state: GraphState): Activated | Reduced {
  if (state.at === 'reduced' && !state.isActive) return { ...state, isActive: true };
  const isBareStem = state.at === 'features' && state.parts.length === 1 && state.parts[0]?.kind === 'stem';
  if (state.at !== 'normed' && !isBareStem) throw unexpected(node, state);
  const { size } = state;
  const from = state.at === 'normed' ? state.from : blockOf(node, state.parts);
  const norm = state.at === 'normed' ? state.norm : null;
  return { at: 'activated', from, norm, stem: endOfStem(from, norm, size), size };
}

/** The features behind the stem's own ReLU, if this may be it. */
function endOfStem({ entry, layers }: Block, norm: Norm | null, size: Size): Features | null {
  if (entry.kind !== 'stem' || entry.norm || entry.isPooled || layers.length > 0) return null;
  const stem = { ...entry, norm: norm ?? identityNorm(entry.channels) };
  return { at: 'features', parts: [stem], size };
}

export function transition(node: Node, from: Block, norm: Norm, conv: Conv, size: Size): Features {
  requireLayers(node, from);
  return { at: 'features', parts: [{ kind: 'transition', from, norm, conv, channels: conv.out }], size };
}

/** The norm before the ReLU. */
export function readyNorm(node: Node, { norm }: Activated): Norm {
  if (!norm) throw unsupportedNode(node, 'expected a batch norm before the Relu that leads to it');
  return norm;
}

export function asFeatures(state: GraphState): Features | null {
  if (state.at === 'features') return state;
  return state.at === 'activated' ? state.stem : null;
}

function refuseConcat(node: Node, state: GraphState): never {
  throw unsupportedNode(
    node,
    `expected the outputs of the stem or a transition and of layers, found what must be followed by ${FOLLOWERS[state.at]}`,
  );
}
