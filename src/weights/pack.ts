/**
 * Packs a folded model for the kernels: one buffer, every tensor in the layout that its kernel's header states.
 *
 * Channels are placed by `src/model/channels.ts`; slots that no channel fills weigh zero. Norms and biases are always
 * f32; convolution and classifier weights are f32, or f16 packed two to a u32, which every adapter can read.
 */
import { alignUp } from '../core/align.js';
import { assertDefined } from '../core/assert.js';
import {
  blockLayouts,
  type ChannelLayout,
  channelSlots,
  layoutChannels,
  prefixOf,
  quadsFor,
} from '../model/channels.js';
import { type DenseNetConfig, stemOf } from '../model/config.js';
import type { ConvFold, HeadFold, LayerFold, LinearHead, NormFold, TransitionFold } from '../model/model.js';
import { blockInputs, bottleneckWidth, names } from '../model/tensors.js';
import { float32ToFloat16 } from '../tensor/float16.js';
import type { Folds } from './fold.js';

export type WeightPrecision = 'f32' | 'f16';

export interface WeightRange {
  /** Byte offset, a multiple of {@link RANGE_ALIGNMENT}. */
  readonly offset: number;
  readonly bytes: number;
}

export interface WeightLayout {
  readonly precision: WeightPrecision;
  readonly ranges: ReadonlyMap<string, WeightRange>;
  readonly bytes: number;
}

/** Packed tensors, and where each lies in them. */
export interface PackedWeights {
  readonly layout: WeightLayout;
  readonly packed: ArrayBuffer;
}

/** Every range is bound on its own: the default `minStorageBufferOffsetAlignment`. */
const RANGE_ALIGNMENT = 256;

/**
 * One tensor of the packed buffer: `floats` values, made by `pack` of the folded part; `half` when f16
 * may store it.
 */
interface Item<Fold> {
  readonly name: string;
  readonly floats: number;
  readonly half: boolean;
  readonly pack: (fold: Fold) => Float32Array;
}

/** What is folded and packed at once: the stem, a layer, a transition, the head. */
export interface WeightPart {
  /** Canonical names of the modules whose tensors it is made of. */
  readonly modules: readonly string[];
  readonly items: readonly Omit<Item<unknown>, 'pack'>[];
  /** Values of each item, in order. @throws ModelFormatError */
  pack(folds: Folds): readonly Float32Array[];
}

/** Input channels that the stem reads of each quad: all four, or fewer when the image's only quad is part filled. */
export const stemLanes = (inChannels: number): number => Math.min(inChannels, 4);

/** The layout of each block's feature map. */
export const featureLayouts = (config: DenseNetConfig): readonly ChannelLayout[] =>
  blockLayouts(config.blocks, config.growthRate, blockInputs(config));

/** Where each tensor goes, from the config alone. */
export function layoutWeights(config: DenseNetConfig, precision: WeightPrecision): WeightLayout {
  return layoutItems(
    weightParts(config).flatMap((part) => part.items),
    precision,
  );
}

function layoutItems(items: WeightPart['items'], precision: WeightPrecision): WeightLayout {
  const ranges = new Map<string, WeightRange>();
  let bytes = 0;
  for (const { name, floats, half } of items) {
    const range = { offset: bytes, bytes: floats * (half && precision === 'f16' ? 2 : 4) };
    ranges.set(name, range);
    bytes = alignUp(bytes + range.bytes, RANGE_ALIGNMENT);
  }
  return { precision, ranges, bytes };
}

/**
 * Folds and packs one part into the bytes of the weights buffer, which are `layout.bytes` long.
 *
 * @returns the ranges that it filled
 * @throws ModelFormatError when a value is bad, or beyond the range of f16 where that is asked for
 */
export function packPart(part: WeightPart, folds: Folds, layout: WeightLayout, packed: ArrayBuffer): WeightRange[] {
  return storeItems(part.items, part.pack(folds), layout, packed);
}

function storeItems(
  items: WeightPart['items'],
  values: readonly Float32Array[],
  layout: WeightLayout,
  packed: ArrayBuffer,
): WeightRange[] {
  return items.map(({ name, half }, i) => {
    const floats = assertDefined(values[i], name);
    const range = assertDefined(layout.ranges.get(name), name);
    if (half && layout.precision === 'f16') {
      new Uint16Array(packed, range.offset, floats.length).set(float32ToFloat16(name, floats));
    } else new Float32Array(packed, range.offset, floats.length).set(floats);
    return range;
  });
}

/** The whole buffer at once, in f32. Throws as {@link packPart}. */
export function packWeights(folds: Folds, config: DenseNetConfig): ArrayBuffer {
  const layout = layoutWeights(config, 'f32');
  const packed = new ArrayBuffer(layout.bytes);
  for (const part of weightParts(config)) packPart(part, folds, layout, packed);
  return packed;
}

/**
 * A linear head on the pooled features, by itself: `head.weight` and `head.bias`. The norm before it stays in the buffer
 * of the other weights.
 *
 * @throws ModelFormatError when a weight is beyond the range of f16 where that is asked for
 */
export function packHead(config: DenseNetConfig, head: LinearHead, precision: WeightPrecision): PackedWeights {
  const last = assertDefined(featureLayouts(config).at(-1), 'block');
  const items = dense('head', config.classes, pooledLayout(config, last), (fold: LinearHead) => fold);
  const layout = layoutItems(items, precision);
  const packed = new ArrayBuffer(layout.bytes);
  const values = items.map((item) => item.pack(head));
  storeItems(items, values, layout, packed);
  return { layout, packed };
}

/** Every part of a network, in its order. */
export function weightParts(config: DenseNetConfig): WeightPart[] {
  const layouts = featureLayouts(config);
  const parts = [stemPart(config)];
  for (const [index, layout] of layouts.entries()) {
    const b = index + 1;
    for (let i = 1; i <= (config.blocks[index] ?? 0); i++) parts.push(layerPart(config, layout, b, i));
    const out = config.transitions[index];
    if (out !== undefined) parts.push(transitionPart(out, layout, b));
  }
  return [...parts, headPart(config, assertDefined(layouts.at(-1), 'block'))];
}

function stemPart(config: DenseNetConfig): WeightPart {
  const { kernel: size } = stemOf(config);
  const image = layoutChannels([config.inChannels]);
  const items = conv('stem', config.initFeatures, image, size, stemLanes(config.inChannels));
  return part([names.stemConv, names.stemNorm], items, (folds) => folds.stem());
}

function layerPart(config: DenseNetConfig, layout: ChannelLayout, b: number, i: number): WeightPart {
  const name = `block${b}.layer${i}`;
  const read = prefixOf(layout, i);
  const width = bottleneckWidth(config);
  const reduce = width === null ? [] : conv(`${name}.reduce`, width, read, 1, 4);
  const spatial = conv(`${name}.conv`, config.growthRate, width === null ? read : layoutChannels([width]), 3, 4);
  const items = [
    on(norm(`${name}.norm`, read, TWICE_RELU), (fold: LayerFold) => fold.norm),
    ...reduce.map((item) => on(item, (fold: LayerFold) => assertDefined(fold.reduce, 'bottleneck'))),
    ...spatial.map((item) => on(item, (fold: LayerFold) => fold.conv)),
  ];
  const modules = (['norm1', 'conv1', 'norm2', 'conv2'] as const).map((module) => names.layer(b, i, module));
  return part(modules, items, (folds) => folds.layer(b, i));
}

function transitionPart(out: number, layout: ChannelLayout, b: number): WeightPart {
  const items = [
    on(norm(`transition${b}.norm`, layout, MEAN_OF_FOUR * TWICE_RELU), (fold: TransitionFold) => fold.norm),
    ...conv(`transition${b}`, out, layout, 1, 4).map((item) => on(item, (fold: TransitionFold) => fold.conv)),
  ];
  return part([names.transition(b, 'norm'), names.transition(b, 'conv')], items, (folds) => folds.transition(b));
}

/** Where the values of the pooled vector lie: those of the last block, twice where averages and maxima are joined. */
export const pooledLayout = (config: DenseNetConfig, last: ChannelLayout): ChannelLayout => {
  const counts = last.parts.map(({ channels }) => channels);
  return config.pooling === 'both' ? layoutChannels([...counts, ...counts]) : last;
};

function headPart(config: DenseNetConfig, layout: ChannelLayout): WeightPart {
  const items = [on(norm('head.norm', layout, 1), (fold: HeadFold) => fold.norm)];
  let read = pooledLayout(config, layout);
  for (const [index, { width }] of (config.hidden ?? []).entries()) {
    const foldOf = (fold: HeadFold) => assertDefined(fold.hidden[index], 'hidden layer');
    items.push(...dense(`head.hidden${index + 1}`, width, read, foldOf));
    read = layoutChannels([width]);
  }
  if (config.classes > 0) items.push(...dense('head', config.classes, read, (fold: HeadFold) => fold));
  const hidden = (config.hidden ?? []).map((_, index) => names.hidden(index + 1));
  return part([names.finalNorm, ...hidden, names.classifier], items, (folds) => folds.head());
}

function dense<Fold>(
  name: string,
  width: number,
  read: ChannelLayout,
  foldOf: (fold: Fold) => LinearHead,
): Item<Fold>[] {
  const row = quadsFor(width) * 4;
  const pack = (fold: Fold) => packLinear(foldOf(fold).weight, width, read);
  return [
    { name: `${name}.weight`, floats: read.quads * 4 * row, half: true, pack },
    { name: `${name}.bias`, floats: row, half: false, pack: (fold) => padded(foldOf(fold).bias, row) },
  ];
}

function part<Fold>(
  modules: readonly string[],
  items: readonly Item<Fold>[],
  foldOf: (folds: Folds) => Fold,
): WeightPart {
  const pack = (folds: Folds) => {
    const fold = foldOf(folds);
    return items.map((item) => item.pack(fold));
  };
  return { modules, items, pack };
}

/** An item of a fold that is one field of a part's. */
const on = <Whole, Fold>({ pack, ...item }: Item<Fold>, field: (whole: Whole) => Fold): Item<Whole> => ({
  ...item,
  pack: (whole) => pack(field(whole)),
});

/** What the convolutions make of a norm's result besides: shaders/conv1x1.wgsl, transition.wgsl. Exact in binary. */
export const TWICE_RELU = 0.5;
export const MEAN_OF_FOUR = 0.25;

/** @param factor of scale and shift */
const norm = (name: string, layout: ChannelLayout, factor: number): Item<NormFold> => ({
  name,
  floats: layout.quads * 8,
  half: false,
  pack: (fold) => packNorm(fold, layout, factor),
});

/** @param side of the filter */
function conv(name: string, out: number, read: ChannelLayout, side: number, lanes: number): Item<ConvFold>[] {
  const outFloats = quadsFor(out) * 4;
  const floats = outFloats * read.quads * side * side * lanes;
  return [
    { name: `${name}.weight`, floats, half: true, pack: (fold) => packConv(fold, read, lanes) },
    { name: `${name}.bias`, floats: outFloats, half: false, pack: (fold) => padded(fold.bias, outFloats) },
  ];
}

/** [quad]{scale ×4, shift ×4}; slots without a channel scale to zero. */
function packNorm(fold: NormFold, layout: ChannelLayout, factor: number): Float32Array {
  const packed = new Float32Array(layout.quads * 8);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    const index = (slot >> 2) * 8 + (slot & 3);
    packed[index] = (fold.scale[channel] ?? 0) * factor;
    packed[index + 4] = (fold.shift[channel] ?? 0) * factor;
  }
  return packed;
}

/** OIHW → [input quad][row][output quad][column][input channel, `lanes` of 4][output channel 4]. */
function packConv(fold: ConvFold, read: ChannelLayout, lanes: number): Float32Array {
  const side = fold.kernel;
  const outQuads = quadsFor(fold.out);
  const tap = lanes * 4;
  const packed = new Float32Array(read.quads * side * outQuads * side * tap);
  const slots = channelSlots(read);
  for (let o = 0; o < fold.out; o++) {
    for (let i = 0; i < fold.in; i++) {
      const slot = slots[i] ?? 0;
      const source = (o * fold.in + i) * side * side;
      for (let row = 0; row < side; row++) {
        const first = (((slot >> 2) * side + row) * outQuads + (o >> 2)) * side * tap + (slot & 3) * 4 + (o & 3);
        for (let column = 0; column < side; column++)
          packed[first + column * tap] = fold.weight[source + row * side + column] ?? 0;
      }
    }
  }
  return packed;
}

/** [classes][channel] → [input quad][input channel 4][output quad][output channel 4]. */
function packLinear(weight: Float32Array, classes: number, read: ChannelLayout): Float32Array {
  const row = quadsFor(classes) * 4;
  const packed = new Float32Array(read.quads * 4 * row);
  const slots = channelSlots(read);
  for (let o = 0; o < classes; o++) {
    for (let c = 0; c < read.channels; c++) packed[(slots[c] ?? 0) * row + o] = weight[o * read.channels + c] ?? 0;
  }
  return packed;
}

function padded(values: Float32Array, length: number): Float32Array {
  const result = new Float32Array(length);
  result.set(values);
  return result;
}
