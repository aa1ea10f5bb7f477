/**
 * The steps of the network's layers: stem, the two halves of a dense layer, transition. Each is a pure function of the
 * maps that it reads and writes; the formula is in the kernel's header.
 */

import { tilesOf } from '../kernels/cost.js';
import type { AdapterCaps, Precision } from '../kernels/machines.js';
import type { ConvShape } from '../kernels/shape.js';
import { plainVariant, type TunedVariants, variantFor } from '../kernels/variants.js';
import { type ChannelLayout, prefixOf, quadsFor } from '../model/channels.js';
import { type DenseNetConfig, stemOf } from '../model/config.js';
import { stemLanes } from '../weights/pack.js';
import { area, type FeatureMap, storedSize, WORKGROUP } from './feature-map.js';
import { region, type StepOf, weights } from './step.js';

/** What every layer's step depends on besides its maps. */
export interface LayerContext {
  readonly batch: number;
  readonly caps: AdapterCaps;
  readonly precision: Precision;
  readonly tuned?: TunedVariants | undefined;
  readonly config: DenseNetConfig;
}

/** The most negative f32: `max` with it changes nothing. */
export const NO_FLOOR = -3.4028234663852886e38;

/** What a convolution's variant depends on, of its output and its input. */
const shapeOf = (
  { size: [height, width] }: FeatureMap,
  out: { readonly quads: number },
  { layout }: FeatureMap,
  batch: number,
) => ({ batch, width, height, outQuads: out.quads, inQuads: layout.quads });

/** A convolution's variant, and its dispatch. */
function choose(shape: ConvShape, { caps, precision, tuned }: LayerContext) {
  const variant = variantFor(shape, caps, precision, tuned);
  const { TILE_PIXELS: pixels = 1, TILE_QUADS: quads = 1, WORKGROUP: workgroup = 1 } = variant.tile;
  const tiles = tilesOf(shape, pixels);
  const workgroups = [Math.ceil(tiles / workgroup), Math.ceil(shape.outQuads / quads), 1] as const;
  return { shape, variant, workgroups, tiles, tilesX: Math.ceil(shape.width / pixels) };
}

/** An NCHW tensor into the input map. */
export function packStep(dst: FeatureMap, { batch }: LayerContext): StepOf<'pack'> {
  const [height, width] = dst.size;
  return {
    name: 'pack',
    stage: 'input',
    kernel: 'pack',
    variant: plainVariant(),
    bindings: { src: { at: 'external', name: 'tensor' }, dst: region(dst.name) },
    params: { width, height, border: dst.border, channels: dst.layout.channels, dstPlane: dst.plane },
    workgroups: [Math.ceil(area(storedSize(dst)) / WORKGROUP), dst.layout.quads, batch],
    macs: 0,
  };
}

/** @param out the channels that it writes, the first of `dst` */
export function stemStep(src: FeatureMap, dst: FeatureMap, out: ChannelLayout, context: LayerContext): StepOf<'stem'> {
  const { batch, config } = context;
  const { kernel: size, stride } = stemOf(config);
  const [height, width] = dst.size;
  const [srcHeight, srcWidth] = storedSize(src);
  const channels = stemLanes(config.inChannels);
  const { tiles, tilesX, ...chosen } = choose(
    { kernel: 'stem', ...shapeOf(dst, out, src, batch), size, stride, channels },
    context,
  );
  return {
    name: 'stem',
    stage: 'network',
    kernel: 'stem',
    ...chosen,
    bindings: {
      src: region(src.name),
      weights: weights('stem.weight'),
      bias: weights('stem.bias'),
      dst: region(dst.name, 0, out.quads * dst.quadBytes),
    },
    params: {
      width,
      height,
      tilesX,
      tiles,
      srcWidth,
      srcHeight,
      srcPlane: src.plane,
      dstPlane: dst.plane,
      inQuads: src.layout.quads,
      outQuads: out.quads,
      floor: config.stemNorm ? 0 : NO_FLOOR,
    },
    macs: batch * area(dst.size) * size * size * src.layout.channels * out.channels,
  };
}

export function maxPoolStep(src: FeatureMap, dst: FeatureMap, { batch }: LayerContext): StepOf<'maxpool'> {
  const pixels = batch * area(dst.size);
  return {
    name: 'maxpool',
    stage: 'network',
    kernel: 'maxpool',
    variant: plainVariant(),
    bindings: { src: region(src.name), dst: region(dst.name, 0, src.layout.quads * dst.quadBytes) },
    params: { pixels, ...sizes(src, dst), srcPlane: src.plane, dstPlane: dst.plane },
    workgroups: [Math.ceil(pixels / WORKGROUP), src.layout.quads, 1],
    macs: 0,
  };
}

/**
 * BN-ReLU-1×1 of a bottleneck layer: the channels `read` of a block → scratch.
 *
 * @param isFirst of its block, which clears the scratch map's border: the memory may have held something else
 */
export function reduceStep(
  name: string,
  block: FeatureMap,
  read: ChannelLayout,
  scratch: FeatureMap,
  isFirst: boolean,
  context: LayerContext,
): StepOf<'conv1x1'> {
  const { batch } = context;
  const [height, width] = block.size;
  const pixels = batch * area(block.size);
  const { quads: outQuads, channels } = scratch.layout;
  const { tiles, tilesX, ...chosen } = choose(
    { kernel: 'conv1x1', ...shapeOf(block, scratch.layout, block, batch) },
    context,
  );
  return {
    name: `${name}.reduce`,
    stage: 'network',
    kernel: 'conv1x1',
    ...chosen,
    bindings: {
      src: region(block.name, 0, read.quads * block.quadBytes),
      weights: weights(`${name}.reduce.weight`),
      norm: weights(`${name}.norm`),
      bias: weights(`${name}.reduce.bias`),
      dst: region(scratch.name),
    },
    params: {
      ...{ pixels, width, height, srcPlane: block.plane, dstPlane: scratch.plane, inQuads: read.quads, outQuads },
      border: isFirst ? batch * area(storedSize(scratch)) : 0,
    },
    macs: pixels * read.channels * channels,
  };
}

/**
 * 3×3 into the layer's slice, behind the channels `read`: from the scratch, or in nets without bottlenecks
 * BN-ReLU-3×3 from the block itself.
 */
export function convStep(
  name: string,
  block: FeatureMap,
  read: ChannelLayout,
  scratch: FeatureMap | null,
  context: LayerContext,
): StepOf<'conv3x3'> {
  const { batch, config } = context;
  const [height, width] = block.size;
  const pixels = batch * area(block.size);
  const src = scratch ?? { ...block, layout: read };
  const [, srcWidth] = storedSize(src);
  const outQuads = quadsFor(config.growthRate);
  const maps = shapeOf(block, { quads: outQuads }, scratch ?? block, batch);
  const { tiles, tilesX, ...chosen } = choose({ kernel: 'conv3x3', ...maps, normed: scratch === null }, context);
  const readBytes = read.quads * block.quadBytes;
  return {
    name: `${name}.conv`,
    stage: 'network',
    kernel: 'conv3x3',
    ...chosen,
    bindings: {
      src: scratch ? region(scratch.name) : region(block.name, 0, readBytes),
      weights: weights(`${name}.conv.weight`),
      norm: weights(`${name}.norm`),
      bias: weights(`${name}.conv.bias`),
      dst: region(block.name, readBytes, outQuads * block.quadBytes),
    },
    params: {
      ...{ width, height, tilesX, tiles, srcWidth },
      srcGap: 2 * src.border,
      srcLead: (1 - src.border) * (width + 1),
      ...{ srcPlane: src.plane, dstPlane: block.plane, inQuads: src.layout.quads, outQuads },
    },
    macs: pixels * 9 * src.layout.channels * config.growthRate,
  };
}

/** @param name of its weights, `transition1` … */
export function transitionStep(
  name: string,
  block: FeatureMap,
  next: FeatureMap,
  context: LayerContext,
): StepOf<'transition'> {
  const { batch } = context;
  const pixels = batch * area(next.size);
  const out = prefixOf(next.layout, 1);
  const { tiles, tilesX, ...chosen } = choose({ kernel: 'transition', ...shapeOf(next, out, block, batch) }, context);
  return {
    name,
    stage: 'network',
    kernel: 'transition',
    ...chosen,
    bindings: {
      src: region(block.name),
      weights: weights(`${name}.weight`),
      norm: weights(`${name}.norm`),
      bias: weights(`${name}.bias`),
      dst: region(next.name, 0, out.quads * next.quadBytes),
    },
    params: {
      pixels,
      ...sizes(block, next),
      srcPlane: block.plane,
      dstPlane: next.plane,
      inQuads: block.layout.quads,
      outQuads: out.quads,
    },
    macs: pixels * block.layout.channels * out.channels,
  };
}

/** Parameters of the kernels that make a map of another size. */
function sizes(src: FeatureMap, dst: FeatureMap) {
  return { width: dst.size[1], height: dst.size[0], srcWidth: src.size[1], srcHeight: src.size[0] };
}
