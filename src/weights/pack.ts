/**
 * Packs a folded model for the kernels: one buffer, every tensor in the layout that its kernel's header states.
 *
 * Channels are placed by `src/model/channels.ts`; slots that no channel fills weigh zero. Norms and biases are always
 * f32; convolution and classifier weights are f32, or f16 packed two to a u32, which every adapter can read.
 */
import {
  blockLayouts,
  type ChannelLayout,
  channelSlots,
  layoutChannels,
  prefixOf,
  quadsFor,
} from '../model/channels.js';
import type { DenseNetConfig } from '../model/config.js';
import type { ConvFold, FoldedModel, NormFold } from '../model/model.js';
import { blockInputs, bottleneckWidth } from '../model/tensors.js';
import { toHalves } from './tensor.js';

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

/** Every range is bound on its own: the default `minStorageBufferOffsetAlignment`. */
const RANGE_ALIGNMENT = 256;

/** One tensor of the packed buffer: `floats` values, made by `pack`; `half` when it follows the weight precision. */
interface Item {
  readonly name: string;
  readonly floats: number;
  readonly half: boolean;
  readonly pack: (model: FoldedModel) => Float32Array;
}

/** Input channels that the stem reads of each quad: all four, or fewer when the picture's only quad is part filled. */
export const stemLanes = (inChannels: number): number => Math.min(inChannels, 4);

/** The layout of each block's feature map. */
export const featureLayouts = (config: DenseNetConfig): readonly ChannelLayout[] =>
  blockLayouts(config.blocks, config.growthRate, blockInputs(config));

/** Where each tensor goes, from the config alone. */
export function layoutWeights(config: DenseNetConfig, precision: WeightPrecision): WeightLayout {
  const ranges = new Map<string, WeightRange>();
  let offset = 0;
  for (const item of items(config)) {
    const bytes = item.floats * (item.half && precision === 'f16' ? 2 : 4);
    ranges.set(item.name, { offset, bytes });
    offset = Math.ceil((offset + bytes) / RANGE_ALIGNMENT) * RANGE_ALIGNMENT;
  }
  return { precision, ranges, bytes: offset };
}

/** The bytes of the weights buffer, `layoutWeights(model.config, precision).bytes` long. */
export function packWeights(model: FoldedModel, precision: WeightPrecision): ArrayBuffer {
  const layout = layoutWeights(model.config, precision);
  const packed = new ArrayBuffer(layout.bytes);
  for (const item of items(model.config)) {
    const offset = layout.ranges.get(item.name)?.offset ?? 0;
    const values = item.pack(model);
    if (item.half && precision === 'f16') new Uint16Array(packed, offset, item.floats).set(toHalves(item.name, values));
    else new Float32Array(packed, offset, item.floats).set(values);
  }
  return packed;
}

function* items(config: DenseNetConfig): Generator<Item> {
  const layouts = featureLayouts(config);
  const picture = layoutChannels([config.inChannels]);
  const lanes = stemLanes(config.inChannels);
  const width = bottleneckWidth(config);
  yield* conv('stem', config.initFeatures, picture, config.stem === 'imagenet' ? 49 : 9, lanes, (m) => m.stem);

  for (const [b, layout] of layouts.entries()) {
    for (let i = 0; i < (config.blocks[b] ?? 0); i++) {
      const name = `block${b + 1}.layer${i + 1}`;
      const read = prefixOf(layout, i + 1);
      const layer = (m: FoldedModel) => at(at(m.blocks, b).layers, i);
      yield norm(`${name}.norm`, read, (m) => layer(m).norm);
      if (width !== null) yield* conv(`${name}.reduce`, width, read, 1, 4, (m) => present(layer(m).reduce));
      yield* conv(
        `${name}.conv`,
        config.growthRate,
        width === null ? read : layoutChannels([width]),
        9,
        4,
        (m) => layer(m).conv,
      );
    }
    const out = config.transitions[b];
    if (out === undefined) continue;
    const transition = (m: FoldedModel) => present(at(m.blocks, b).transition);
    yield norm(`transition${b + 1}.norm`, layout, (m) => transition(m).norm);
    yield* conv(`transition${b + 1}`, out, layout, 1, 4, (m) => transition(m).conv);
  }

  const last = at(layouts, layouts.length - 1);
  const classQuads = quadsFor(config.classes);
  yield norm('head.norm', last, (m) => m.head.norm);
  const linear = (m: FoldedModel) => packLinear(m.head.weight, config.classes, last);
  yield { name: 'head.weight', floats: last.quads * 4 * classQuads * 4, half: true, pack: linear };
  yield { name: 'head.bias', floats: classQuads * 4, half: false, pack: (m) => padded(m.head.bias, classQuads * 4) };
}

function norm(name: string, layout: ChannelLayout, of: (model: FoldedModel) => NormFold): Item {
  return { name, floats: layout.quads * 8, half: false, pack: (model) => packNorm(of(model), layout) };
}

function* conv(
  name: string,
  out: number,
  read: ChannelLayout,
  taps: number,
  lanes: number,
  of: (model: FoldedModel) => ConvFold,
): Generator<Item> {
  const outFloats = quadsFor(out) * 4;
  const floats = outFloats * read.quads * taps * lanes;
  yield { name: `${name}.weight`, floats, half: true, pack: (model) => packConv(of(model), read, lanes) };
  yield { name: `${name}.bias`, floats: outFloats, half: false, pack: (model) => padded(of(model).bias, outFloats) };
}

/** [quad]{scale ×4, shift ×4}; slots without a channel scale to zero. */
function packNorm(fold: NormFold, layout: ChannelLayout): Float32Array {
  const packed = new Float32Array(layout.quads * 8);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    const index = (slot >> 2) * 8 + (slot & 3);
    packed[index] = fold.scale[channel] ?? 0;
    packed[index + 4] = fold.shift[channel] ?? 0;
  }
  return packed;
}

/** OIHW → [output quad][input quad][tap][input channel, `lanes` of 4][output channel 4]. */
function packConv(fold: ConvFold, read: ChannelLayout, lanes: number): Float32Array {
  const taps = fold.kernel * fold.kernel;
  const packed = new Float32Array(quadsFor(fold.out) * read.quads * taps * lanes * 4);
  const slots = channelSlots(read);
  for (let o = 0; o < fold.out; o++) {
    const outBase = (o >> 2) * read.quads;
    for (let i = 0; i < fold.in; i++) {
      const slot = slots[i] ?? 0;
      const base = ((outBase + (slot >> 2)) * taps * lanes + (slot & 3)) * 4 + (o & 3);
      const source = (o * fold.in + i) * taps;
      for (let t = 0; t < taps; t++) packed[base + t * lanes * 4] = fold.weight[source + t] ?? 0;
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

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${list.length}`);
  return item;
}

function present<T>(value: T | null): T {
  if (value === null) throw new RangeError('the folded model lacks a part that its config has');
  return value;
}
