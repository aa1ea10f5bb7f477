/**
 * Whether a Keras network computes what this runtime does. Shapes do not show strides, padding, pools, activations nor
 * the order of concatenation; the config does, so each layer is looked at, and the first that does not fit is named.
 */
import type { Activation } from '../../model/config.js';
import { connect, type Edges } from './edges.js';
import { type Layer, readNetwork } from './network.js';
import { activationOf, expectOption, isRelu, numberOf, pairOf } from './options.js';
import { refuse, SAME_PADDING } from './refusals.js';

export interface GraphFacts {
  /** Of the head; `null` where the model ends with logits. */
  readonly activation: Activation | null;
  /** By the name of the norm. */
  readonly epsilons: ReadonlyMap<string, number>;
  readonly concat: 'old-first' | 'new-first';
}

/** A network that is known to be a DenseNet: what the weights are read by. */
export interface Network {
  readonly layers: readonly Layer[];
  readonly facts: GraphFacts;
}

/**
 * @param config as {@link readNetwork} takes it
 * @throws ModelFormatError naming the first layer that has no place in a DenseNet, and why
 */
export function describeNetwork(config: unknown): Network {
  const layers = readNetwork(config);
  return { layers, facts: factsOf(layers) };
}

function factsOf(all: readonly Layer[]): GraphFacts {
  const edges = connect(all);
  for (const layer of edges.layers) {
    const check = Object.hasOwn(CHECKS, layer.kind) ? CHECKS[layer.kind] : undefined;
    if (!check) throw strange(layer, edges);
    check(layer, edges);
  }
  checkStemPool(edges);
  const norms = edges.layers.filter(({ kind }) => kind === 'BatchNormalization');
  return {
    activation: headActivation(edges),
    epsilons: new Map(norms.map((norm) => [norm.name, numberOf(norm, 'epsilon', 1e-3)])),
    concat: concatOrder(edges),
  };
}

type Check = (layer: Layer, edges: Edges) => void;

const CHECKS: Readonly<Record<string, Check>> = {
  Conv2D: checkConvolution,
  BatchNormalization: checkNorm,
  Activation: checkActivation,
  ReLU: checkRelu,
  Softmax: checkBehindHead,
  ZeroPadding2D: (layer, edges) => {
    const isPadding = edges.consumers(layer).every(({ kind }) => kind === 'Conv2D' || kind === 'MaxPooling2D');
    if (!isPadding) throw refuse(layer.name, 'pads neither a convolution nor a maximum pool');
  },
  MaxPooling2D: checkMaximumPool,
  AveragePooling2D: checkAveragePool,
  Concatenate: checkAxis,
  GlobalAveragePooling2D: (layer, edges) => {
    if (!edges.inputs(layer).every(isRelu)) throw refuse(layer.name, 'pools something else than the last ReLU');
  },
  Flatten: (layer, edges) => {
    const isPooled = edges.inputs(layer).every(({ kind }) => kind === 'GlobalAveragePooling2D');
    if (!isPooled) throw refuse(layer.name, 'flattens the last map instead of pooling it');
  },
  Dense: (layer, edges) => {
    const before = edges.inputs(layer)[0]?.kind;
    if (before !== 'GlobalAveragePooling2D' && before !== 'Flatten')
      throw refuse(layer.name, `stands behind a ${before ?? 'input'}, not behind the global average pool`);
  },
};

/** Whatever stands before the first convolution prepares pictures: Rescaling, a Lambda, the steps of preprocess_input. */
function strange(layer: Layer, { layers }: Edges): Error {
  const isBeforeStem = !layers.slice(0, layers.indexOf(layer)).some(({ kind }) => kind === 'Conv2D');
  if (!isBeforeStem) return refuse(layer.name, `is a ${layer.kind}, which no DenseNet of this runtime has`);
  const repair = 'save the model without it, and say its factors with --preprocess';
  return refuse(layer.name, `is a ${layer.kind}: preprocessing is part of our model file, not of the network`, repair);
}

function checkConvolution(layer: Layer, edges: Edges): void {
  const [height = 0, width = 0] = pairOf(layer, 'kernel_size', 0);
  if (height !== width || ![1, 3, 7].includes(height))
    throw refuse(layer.name, `is a ${height}×${width} convolution; a DenseNet has 7×7, 3×3 and 1×1`);
  const stride = height === 7 ? 2 : 1;
  expectOption(layer, 'strides', pairOf(layer, 'strides', 1), stride);
  expectOption(layer, 'dilation_rate', pairOf(layer, 'dilation_rate', 1), 1);
  expectOption(layer, 'groups', [numberOf(layer, 'groups', 1)], 1);
  const activation = activationOf(layer);
  if (activation !== 'linear') throw refuse(layer.name, `ends with "${activation}"; ReLUs stand behind batch norms`);
  checkPadding(layer, edges, (height - 1) / 2, stride);
  if (height === 1) checkNarrow(layer, edges);
}

/** A 1×1 convolution is a bottleneck's or a transition's: what follows must say which. */
function checkNarrow(layer: Layer, edges: Edges): void {
  const [next, ...more] = edges.consumers(layer);
  if (more.length > 0 || (next?.kind !== 'BatchNormalization' && next?.kind !== 'AveragePooling2D')) {
    throw refuse(layer.name, 'is followed neither by a batch norm (bottleneck) nor by an average pool (transition)');
  }
}

function checkPadding(layer: Layer, edges: Edges, padding: number, stride: number): void {
  const before = edges.inputs(layer)[0];
  const explicit = before?.kind === 'ZeroPadding2D' ? paddingOf(before) : 0;
  const isSame = String(layer.config.get('padding') ?? 'valid').toLowerCase() === 'same';
  if (isSame && stride > 1) throw refuse(layer.name, SAME_PADDING);
  const found = isSame && explicit === 0 ? padding : explicit;
  if (found !== padding) throw refuse(layer.name, `is padded by ${found}; in a DenseNet it is ${padding}`);
}

/** The same on all four sides, or NaN. */
function paddingOf(layer: Layer): number {
  const sides = [layer.config.get('padding')].flat(2);
  const [first] = sides;
  return typeof first === 'number' && sides.every((side) => side === first) ? first : Number.NaN;
}

function checkNorm(layer: Layer, edges: Edges): void {
  checkAxis(layer, edges);
  const next = edges.consumers(layer);
  if (next.length === 0 || !next.every(isRelu)) throw refuse(layer.name, 'is a batch norm without a ReLU behind it');
}

function checkAxis(layer: Layer, { channelAxes }: Edges): void {
  const axis = [layer.config.get('axis') ?? -1].flat()[0];
  if (typeof axis !== 'number' || !channelAxes.includes(axis))
    throw refuse(layer.name, `works along axis ${String(axis)}, not along the channels`);
}

function checkActivation(layer: Layer, edges: Edges): void {
  const activation = activationOf(layer);
  if (activation === 'relu' || activation === 'linear') return;
  if (activation !== 'softmax' && activation !== 'sigmoid')
    throw refuse(layer.name, `is a "${activation}"; a DenseNet has ReLUs`);
  checkBehindHead(layer, edges);
}

function checkRelu(layer: Layer): void {
  for (const option of ['max_value', 'negative_slope', 'threshold']) {
    const value = layer.config.get(option) ?? 0;
    if (value !== 0 && value !== null) throw refuse(layer.name, `is a ReLU with a ${option}`);
  }
}

function checkBehindHead(layer: Layer, edges: Edges): void {
  if (edges.inputs(layer)[0]?.kind !== 'Dense') throw refuse(layer.name, 'stands elsewhere than behind the classifier');
}

function checkMaximumPool(layer: Layer, edges: Edges): void {
  expectOption(layer, 'pool_size', pairOf(layer, 'pool_size', 2), 3);
  expectOption(layer, 'strides', pairOf(layer, 'strides', 3), 2);
  checkPadding(layer, edges, 1, 2);
}

/** The 7×7 stem goes with one maximum pool behind its ReLU, the 3×3 stem with none; shapes do not show it. */
function checkStemPool({ layers, inputs }: Edges): void {
  const [stem] = layers.filter(({ kind }) => kind === 'Conv2D');
  const pools = layers.filter(({ kind }) => kind === 'MaxPooling2D');
  const isImagenet = stem !== undefined && pairOf(stem, 'kernel_size', 0)[0] === 7;
  if (stem && isImagenet && pools.length === 0)
    throw refuse(stem.name, 'is a 7×7 stem without a maximum pool behind it');
  for (const pool of pools.slice(isImagenet ? 1 : 0))
    throw refuse(pool.name, 'is a maximum pool elsewhere than in a 7×7 stem');
  for (const pool of pools) {
    const padding = inputs(pool)[0];
    const before = padding?.kind === 'ZeroPadding2D' ? inputs(padding)[0] : padding;
    if (!before || !isRelu(before)) throw refuse(pool.name, 'pools something else than the ReLU of the stem');
  }
}

function checkAveragePool(layer: Layer, edges: Edges): void {
  expectOption(layer, 'pool_size', pairOf(layer, 'pool_size', 2), 2);
  expectOption(layer, 'strides', pairOf(layer, 'strides', 2), 2);
  if (String(layer.config.get('padding') ?? 'valid').toLowerCase() === 'same')
    throw refuse(layer.name, 'pads its last row as "same"; a transition drops it', 'use padding="valid"');
  if (edges.inputs(layer)[0]?.kind !== 'Conv2D') throw refuse(layer.name, 'pools something else than a transition');
}

/** @throws ModelFormatError for a model without a classifier, or with several layers in it */
function headActivation({ layers }: Edges): Activation | null {
  const heads = layers.filter(({ kind }) => kind === 'Dense');
  const [head, second] = heads;
  if (!head) throw withoutTop(layers.at(-1)?.name ?? '');
  if (second) throw refuse(second.name, 'is a second Dense layer; the classifier is one');
  const tail = layers.find((layer) => layer.kind === 'Softmax' || ['softmax', 'sigmoid'].includes(activationOf(layer)));
  const activation = tail?.kind === 'Softmax' ? 'softmax' : tail ? activationOf(tail) : 'linear';
  if (activation === 'softmax' || activation === 'sigmoid') return activation;
  if (activationOf(head) !== 'linear') throw refuse(head.name, `ends with "${activationOf(head)}"`);
  return null;
}

export function withoutTop(layer: string): Error {
  return refuse(
    layer,
    'is the last: the model was saved without its classifier (include_top=False)',
    'add GlobalAveragePooling2D and a Dense layer and save the whole model, or use include_top=True',
  );
}

/** Old features first, as the paper has it, or new ones first in every layer. */
function concatOrder(edges: Edges): 'old-first' | 'new-first' {
  const orders = new Set<string>();
  for (const layer of edges.layers) {
    if (layer.kind !== 'Concatenate') continue;
    const positions = edges.inputs(layer).map((input) => edges.position(input));
    const sorted = [...positions].sort((a, b) => a - b);
    const isOldFirst = sorted.every((position, i) => position === positions[i]);
    const isNewFirst = sorted.every((position, i) => position === positions.at(-1 - i));
    if (positions.length < 2 || (!isOldFirst && !isNewFirst))
      throw refuse(layer.name, 'joins features in no order we know');
    orders.add(isOldFirst ? 'old-first' : 'new-first');
    if (orders.size > 1) throw refuse(layer.name, 'joins features in another order than the layers before it');
  }
  return orders.has('new-first') ? 'new-first' : 'old-first';
}
