/** The rules of stem, dense layers and transitions: place and operation → the next place, or the error why not. */

import { misfit, type Node } from '../graph/node.js';
import { convOf, describeConv, type Operands, spatial, vector } from '../graph/operands.js';
import { blockOf, channelsOf, isUnpooled, type Order, orderOf, requireLayers } from './block.js';
import {
  type Activated,
  type Block,
  type Conv,
  type Features,
  FOLLOWERS,
  type Layer,
  type Normed,
  type Place,
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

  conv(node: Node, given: Place, operands: Operands): Place {
    const { place, pads } = unpadded(given);
    switch (place.at) {
      case 'input':
        return this.#stem(node, place.dims, pads, operands);
      case 'activated': {
        const conv = convOf(node, operands, channelsOf(place.from));
        const norm = readyNorm(node, place);
        const window = windowOf(node, place.size, pads, spatial(conv));
        const { from } = place;
        if (isSquare(window, 3, 1, 1)) return this.#layer(node, { from, norm, reduce: null, conv }, place.size);
        if (!isSquare(window, 1, 1, 0)) break;
        return { at: 'reduced', from, norm1: norm, conv, norm2: null, isActive: false, size: place.size };
      }
      case 'reduced': {
        if (!place.isActive) break;
        const { from, norm1: norm, conv: narrow, norm2 } = place;
        const conv = convOf(node, operands, narrow.out);
        if (!isSquare(windowOf(node, place.size, pads, spatial(conv)), 3, 1, 1)) break;
        const reduce = { conv: narrow, norm: norm2 ?? identityNorm(narrow.out) };
        return this.#layer(node, { from, norm, reduce, conv }, place.size);
      }
      case 'averaged': {
        const { from, norm, size } = place;
        const conv = convOf(node, operands, channelsOf(from));
        if (isSquare(windowOf(node, size, pads, spatial(conv)), 1, 1, 0))
          return transition(node, from, norm, conv, size);
      }
    }
    throw unexpected(node, given, `, found a convolution of ${describeConv(node, operands)}`);
  }

  #stem(node: Node, dims: readonly (number | null)[], pads: readonly number[], operands: Operands): Features {
    const conv = convOf(node, operands, dims[1] ?? null);
    const size: Size = [dims[2] ?? null, dims[3] ?? null];
    const window = windowOf(node, size, pads, spatial(conv));
    if (!isSquare(window, 7, 2, 3) && !isSquare(window, 3, 1, 1))
      throw misfit(node, `expected ${FOLLOWERS.input}, found ${describe(window)}`);
    const stem = { kind: 'stem', conv, norm: null, isPooled: false, channels: conv.out } as const;
    return { at: 'features', parts: [stem], size: slide(window, size) };
  }

  #layer(node: Node, layer: Omit<Layer, 'kind' | 'channels'>, size: Size): Features {
    const channels = layer.conv.out;
    const width = layer.reduce?.conv.out ?? 0;
    this.#growthRate ??= channels;
    this.#width ??= width;
    if (channels !== this.#growthRate)
      throw misfit(node, `expected ${this.#growthRate} output channels, as in the layers before, found ${channels}`);
    if (width !== this.#width)
      throw misfit(
        node,
        `expected a layer with ${bottleneck(this.#width)}, as those before, found ${bottleneck(width)}`,
      );
    return { at: 'features', parts: [{ kind: 'layer', channels, ...layer }], size };
  }

  concat(node: Node, places: readonly Place[]): Place {
    const [first] = places;
    if (first && places.length === 1) return first;
    const maps = places.map((place) => asFeatures(place) ?? refuseConcat(node, place));
    const size = maps[0]?.size ?? [null, null];
    const axis = node.int('axis', node.opset < 4 ? 1 : Number.NaN);
    if (axis !== 1 && axis !== -3) throw misfit(node, `expected the channel axis 1, found ${axis}`);
    if (maps.some((map) => map.size.some((side, i) => side !== null && size[i] !== null && side !== size[i])))
      throw misfit(node, 'it joins maps of different sizes');
    const features: Features = { at: 'features', parts: maps.flatMap(({ parts }) => parts), size };
    const order = orderOf(node, features, blockOf(node, features.parts));
    this.#order ??= order;
    if (order === this.#order) return features;
    throw misfit(node, `expected ${this.#order} order as in the Concats before, found ${order}`);
  }
}

const bottleneck = (width: number): string => (width === 0 ? 'no 1×1 bottleneck' : `a bottleneck of ${width}`);

export function batchNorm(node: Node, place: Place, operands: Operands): Normed | Reduced {
  const isTraining = node.int('training_mode', 0) === 1 || node.outputs.filter((name) => name !== '').length > 1;
  if (isTraining) throw misfit(node, 'it is in training mode; export the network after model.eval()');
  if (node.int('spatial', 1) !== 1) throw misfit(node, 'it norms every pixel by itself (spatial 0)');
  const epsilon = shortest(node.float('epsilon', Math.fround(1e-5)));
  return normed(node, place, (norm, channels, isFirst) => {
    if (!isFirst) throw unexpected(node, place);
    const [gamma, beta, mean, variance] = [0, 1, 2, 3].map((i) => vector(node, operands[i], channels));
    if (!gamma || !beta || !mean || !variance) throw misfit(node, 'it lacks an input');
    return { ...norm, gamma, beta, mean, variance, epsilon };
  });
}

/** `Mul`, `Add` and `Sub` of a constant per channel: Caffe's Scale, or all of a norm. */
export function affine(node: Node, place: Place, operands: Operands): Normed | Reduced {
  const [operand] = operands;
  return normed(node, place, (norm, channels) => {
    const values = vector(node, operand, channels, true);
    if (node.op === 'Mul') return scaled(norm, values);
    return shifted(norm, node.op === 'Sub' ? values.map((value) => -value) : values);
  });
}

/** Applies a norm where one may stand: before a layer's first ReLU or its second. */
function normed(
  node: Node,
  place: Place,
  change: (norm: Norm, channels: number, isFirst: boolean) => Norm,
): Normed | Reduced {
  if (place.at === 'reduced' && !place.isActive) {
    const { out } = place.conv;
    return { ...place, norm2: change(place.norm2 ?? identityNorm(out), out, !place.norm2) };
  }
  if (place.at === 'normed') return { ...place, norm: change(place.norm, channelsOf(place.from), false) };
  const features = asFeatures(place);
  if (!features) throw unexpected(node, place);
  const from = blockOf(node, features.parts);
  const channels = channelsOf(from);
  return { at: 'normed', from, norm: change(identityNorm(channels), channels, true), size: features.size };
}

export function relu(node: Node, place: Place): Activated | Reduced {
  if (place.at === 'reduced' && !place.isActive) return { ...place, isActive: true };
  const isBareStem = place.at === 'features' && place.parts.length === 1 && place.parts[0]?.kind === 'stem';
  if (place.at !== 'normed' && !isBareStem) throw unexpected(node, place);
  const { size } = place;
  const from = place.at === 'normed' ? place.from : blockOf(node, place.parts);
  const norm = place.at === 'normed' ? place.norm : null;
  return { at: 'activated', from, norm, stem: endOfStem(from, norm, size), size };
}

/** The features behind a 3×3 stem's own ReLU, if this may be it. */
function endOfStem({ entry, layers }: Block, norm: Norm | null, size: Size): Features | null {
  if (entry.kind !== 'stem' || entry.norm || layers.length > 0 || entry.conv.kernel !== 3) return null;
  const stem = { ...entry, norm: norm ?? identityNorm(entry.channels) };
  return { at: 'features', parts: [stem], size };
}

export function transition(node: Node, from: Block, norm: Norm, conv: Conv, size: Size): Features {
  requireLayers(node, from);
  return { at: 'features', parts: [{ kind: 'transition', from, norm, conv, channels: conv.out }], size };
}

/** The norm before the ReLU, once everything that must come before a layer, a transition or the head has come. */
export function readyNorm(node: Node, { from, norm }: Activated): Norm {
  if (isUnpooled(from)) throw misfit(node, 'expected the max pool of the 7×7 stem (3×3, stride 2, padding 1)');
  if (!norm) throw misfit(node, 'expected a batch norm before the Relu that leads to it');
  return norm;
}

function asFeatures(place: Place): Features | null {
  if (place.at === 'features') return place;
  return place.at === 'activated' ? place.stem : null;
}

function refuseConcat(node: Node, place: Place): never {
  throw misfit(
    node,
    `expected the outputs of the stem or a transition and of layers, found what must be followed by ${FOLLOWERS[place.at]}`,
  );
}
