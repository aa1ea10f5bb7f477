/**
 * Packed weights → tensors under canonical names, the inverse of `pack.ts`. Packed again they give the same bytes.
 *
 * The batch norms are folded in what is packed, so that every norm here has mean 0 and a variance that its epsilon makes 1.
 */
import { assertDefined } from '../core/assert.js';
import { type ChannelLayout, channelSlots, layoutChannels, prefixOf, quadsFor } from '../model/channels.js';
import { type DenseNetConfig, stemOf, TORCH_BN_EPSILON } from '../model/config.js';
import { bottleneckWidth, names } from '../model/tensors.js';
import { elementCount, floatTensor, type Tensor } from '../tensor/tensor.js';
import { featureLayouts, MEAN_OF_FOUR, type PackedWeights, pooledLayout, stemLanes, TWICE_RELU } from './pack.js';

/** What `bnEpsilon` must be in the metadata of the file that these tensors are written to. */
export const UNPACKED_EPSILON = TORCH_BN_EPSILON;

/** @param sources those of the first come before those of the next, name by name */
export function unpackModel(config: DenseNetConfig, sources: readonly PackedWeights[]): Tensor[] {
  const unpacker = new Unpacker(config, sources);
  const layouts = featureLayouts(config);
  const tensors = unpacker.stem();
  for (const [index, layout] of layouts.entries()) {
    const b = index + 1;
    for (let i = 1; i <= (config.blocks[index] ?? 0); i++) tensors.push(...unpacker.layer(layout, b, i));
    const out = config.transitions[index];
    if (out !== undefined) tensors.push(...unpacker.transition(layout, b, out));
  }
  return [...tensors, ...unpacker.head(assertDefined(layouts.at(-1), 'block'))];
}

/** The tensors of a head of one linear layer. @param layout of the pooled vector */
export function unpackHead(config: DenseNetConfig, sources: readonly PackedWeights[]): Tensor[] {
  const last = assertDefined(featureLayouts(config).at(-1), 'block');
  return new Unpacker(config, sources).dense('head', names.classifier, config.classes, pooledLayout(config, last));
}

class Unpacker {
  constructor(
    private readonly config: DenseNetConfig,
    private readonly sources: readonly PackedWeights[],
  ) {}

  stem(): Tensor[] {
    const { config } = this;
    const read = layoutChannels([config.inChannels]);
    const shape = [config.initFeatures, config.inChannels, stemOf(config).kernel];
    const lanes = stemLanes(config.inChannels);
    if (!config.stemNorm) return this.conv('stem', names.stemConv, shape, read, lanes);
    return [
      this.convWeight('stem', names.stemConv, shape, read, lanes),
      ...this.biasNorm('stem', names.stemNorm, config.initFeatures),
    ];
  }

  layer(layout: ChannelLayout, b: number, i: number): Tensor[] {
    const { growthRate } = this.config;
    const name = `block${b}.layer${i}`;
    const module = (part: 'norm1' | 'conv1' | 'norm2' | 'conv2') => names.layer(b, i, part);
    const read = prefixOf(layout, i);
    const norm = this.norm(`${name}.norm`, module('norm1'), read, TWICE_RELU);
    const width = bottleneckWidth(this.config);
    if (width === null)
      return [...norm, ...this.conv(`${name}.conv`, module('conv1'), [growthRate, read.channels, 3], read)];
    return [
      ...norm,
      this.convWeight(`${name}.reduce`, module('conv1'), [width, read.channels, 1], read),
      ...this.biasNorm(`${name}.reduce`, module('norm2'), width),
      ...this.conv(`${name}.conv`, module('conv2'), [growthRate, width, 3], layoutChannels([width])),
    ];
  }

  transition(layout: ChannelLayout, b: number, out: number): Tensor[] {
    return [
      ...this.norm(`transition${b}.norm`, names.transition(b, 'norm'), layout, MEAN_OF_FOUR * TWICE_RELU),
      ...this.conv(`transition${b}`, names.transition(b, 'conv'), [out, layout.channels, 1], layout),
    ];
  }

  head(last: ChannelLayout): Tensor[] {
    const tensors = this.norm('head.norm', names.finalNorm, last, 1);
    let read = pooledLayout(this.config, last);
    for (const [index, { width }] of (this.config.hidden ?? []).entries()) {
      tensors.push(...this.dense(`head.hidden${index + 1}`, names.hidden(index + 1), width, read));
      read = layoutChannels([width]);
    }
    return [...tensors, ...this.dense('head', names.classifier, this.config.classes, read)];
  }

  dense(name: string, module: string, width: number, read: ChannelLayout): Tensor[] {
    const row = quadsFor(width) * 4;
    const slots = channelSlots(read);
    const indices = new Int32Array(width * read.channels);
    for (let o = 0; o < width; o++) {
      for (let c = 0; c < read.channels; c++) indices[o * read.channels + c] = (slots[c] ?? 0) * row + o;
    }
    const weight = this.gather(`${name}.weight`, `${module}.weight`, [width, read.channels], indices);
    return [weight, floatTensor(`${module}.bias`, [width], this.floats(`${name}.bias`).slice(0, width))];
  }

  /** A convolution without a norm behind it; a bias of zeros is left out. @param shape [out, in, kernel] */
  private conv(name: string, module: string, shape: readonly number[], read: ChannelLayout, lanes?: number): Tensor[] {
    const [out = 0] = shape;
    const bias = this.floats(`${name}.bias`).slice(0, out);
    const weight = this.convWeight(name, module, shape, read, lanes);
    return bias.some((value) => value !== 0) ? [weight, floatTensor(`${module}.bias`, [out], bias)] : [weight];
  }

  /** As `packConv` lays it out. */
  private convWeight(
    name: string,
    module: string,
    [out = 0, channels = 0, side = 0]: readonly number[],
    read: ChannelLayout,
    lanes = 4,
  ): Tensor {
    const outQuads = quadsFor(out);
    const tap = lanes * 4;
    const slots = channelSlots(read);
    const indices = new Int32Array(out * channels * side * side);
    let to = 0;
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < channels; i++) {
        const slot = slots[i] ?? 0;
        for (let row = 0; row < side; row++) {
          const first = (((slot >> 2) * side + row) * outQuads + (o >> 2)) * side * tap + (slot & 3) * 4 + (o & 3);
          for (let column = 0; column < side; column++) indices[to++] = first + column * tap;
        }
      }
    }
    return this.gather(`${name}.weight`, `${module}.weight`, [out, channels, side, side], indices);
  }

  private norm(name: string, module: string, layout: ChannelLayout, factor: number): Tensor[] {
    const packed = this.floats(name);
    const at = (offset: number) =>
      Float32Array.from(channelSlots(layout), (slot) => (packed[(slot >> 2) * 8 + (slot & 3) + offset] ?? 0) / factor);
    return normTensors(module, at(0), at(4));
  }

  /** The norm behind a convolution, which is folded into it but for its shift. */
  private biasNorm(name: string, module: string, channels: number): Tensor[] {
    return normTensors(module, new Float32Array(channels).fill(1), this.floats(`${name}.bias`).slice(0, channels));
  }

  private gather(name: string, tensor: string, shape: readonly number[], indices: Int32Array): Tensor {
    const { source, offset, bytes } = this.locate(name);
    const isHalf = source.layout.precision === 'f16';
    const from = isHalf
      ? new Uint16Array(source.packed, offset, bytes / 2)
      : new Float32Array(source.packed, offset, bytes / 4);
    const values = isHalf ? new Uint16Array(elementCount(shape)) : new Float32Array(elementCount(shape));
    for (let i = 0; i < indices.length; i++) values[i] = from[indices[i] ?? 0] ?? 0;
    return { name: tensor, dtype: isHalf ? 'F16' : 'F32', shape, bytes: new Uint8Array(values.buffer) };
  }

  private floats(name: string): Float32Array {
    const { source, offset, bytes } = this.locate(name);
    return new Float32Array(source.packed, offset, bytes / 4);
  }

  private locate(name: string) {
    const source = assertDefined(
      this.sources.find(({ layout }) => layout.ranges.has(name)),
      name,
    );
    return { source, ...assertDefined(source.layout.ranges.get(name), name) };
  }
}

/** In double precision, so that the root of variance and epsilon is 1 and folding gives the same scale. */
function normTensors(module: string, scale: Float32Array, shift: Float32Array): Tensor[] {
  const shape = [scale.length];
  const variance = new Float64Array(scale.length).fill(1 - UNPACKED_EPSILON);
  return [
    floatTensor(`${module}.weight`, shape, scale),
    floatTensor(`${module}.bias`, shape, shift),
    floatTensor(`${module}.running_mean`, shape, new Float32Array(scale.length)),
    { name: `${module}.running_var`, dtype: 'F64', shape, bytes: new Uint8Array(variance.buffer) },
  ];
}
