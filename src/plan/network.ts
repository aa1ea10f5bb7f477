/**
 * The plan of a network at one batch and input size: its steps in order and the arena they run in, as plain data.
 *
 * Concatenation is in place: a dense block is one region, each layer reads its first channels and writes its slice
 * behind them. A block and its scratch lie in different banks, and blocks alternate, so that every transition crosses
 * from one bank to the other (see `arena.ts`).
 */
import { LimitError } from '../errors.js';
import { type ChannelLayout, prefixOf, quadsFor } from '../model/channels.js';
import type { DenseNetConfig } from '../model/config.js';
import { mapSizes, type Size } from '../model/layers.js';
import { bottleneckWidth } from '../model/tensors.js';
import { featureLayouts, stemLanes } from '../weights/pack.js';
import { type Arena, alignUp, type Bank, BINDING_ALIGNMENT, type Demand, planArena } from './arena.js';
import { area, type FeatureMap, other, WORKGROUP } from './feature-map.js';
import { planHead, topOf } from './head.js';
import { region, type Step, weights } from './step.js';
import { gemmVariant, plainVariant, spatialVariant, stemVariant, type Traits } from './variants.js';

export interface PlanOptions {
  readonly batch: number;
  readonly inputSize: Size;
  /** Storage of the feature maps; the arithmetic is f32 in both. */
  readonly activations: 'f32' | 'f16';
  readonly traits: Traits;
  /** Keep every tap until the end, for `verify`; costs memory. */
  readonly taps?: boolean;
  readonly sigmoid?: boolean;
}

/** A feature map that can be read back: `quads` of the region hold `channels` in `layout`. */
export interface Tap {
  readonly name: string;
  readonly region: string;
  readonly layout: ChannelLayout;
  readonly size: Size;
  /** Pixels between quads. */
  readonly plane: number;
}

export interface NetworkPlan {
  readonly config: DenseNetConfig;
  readonly options: PlanOptions;
  readonly steps: readonly Step[];
  readonly arena: Arena;
  readonly taps: readonly Tap[];
  /** Where the picture goes: [quad][plane], `plane` pixels apart. */
  readonly input: { readonly region: string; readonly plane: number };
  /** Quads of a logits row. */
  readonly classQuads: number;
  /** Candidates of a row of `best`. */
  readonly top: number;
  /** The map under the head, which class activation maps have the size of, and its channels. */
  readonly finalSize: Size;
  readonly finalLayout: ChannelLayout;
}

/** WebGPU's default `maxComputeWorkgroupsPerDimension`. */
const MAX_WORKGROUPS = 65535;
const FLOAT_BYTES = 4;
const NO_FLOOR = -3.4028234663852886e38;

/**
 * @throws TensorShapeError when the input is too small for the network; LimitError when a dispatch would exceed WebGPU's
 * workgroup count, naming the batch as the repair
 */
export function planNetwork(config: DenseNetConfig, options: PlanOptions): NetworkPlan {
  return new Planner(config, options).plan();
}

class Planner {
  private readonly steps: Step[] = [];
  private readonly demands: Omit<Demand, 'first' | 'last'>[] = [];
  private readonly taps: Tap[] = [];
  private readonly quadBytes: number;

  constructor(
    private readonly config: DenseNetConfig,
    private readonly options: PlanOptions,
  ) {
    this.quadBytes = options.activations === 'f16' ? 8 : 16;
  }

  plan(): NetworkPlan {
    const { config, options } = this;
    const sizes = mapSizes(config, options.inputSize);
    const layouts = featureLayouts(config);
    const blocks = layouts.map((layout, b) =>
      this.map(`block${b + 1}`, b % 2 === 0 ? 0 : 1, layout, sizes.blocks[b] ?? [0, 0]),
    );
    const [first] = blocks;
    const last = blocks[blocks.length - 1];
    if (!first || !last) throw new RangeError('a DenseNet has at least one block');

    const input = this.stem(first, sizes.stem);
    for (const [b, block] of blocks.entries()) {
      this.block(b, block);
      const next = blocks[b + 1];
      if (next) this.transition(b, block, next);
    }
    this.head(last);
    this.checkWorkgroups();
    return {
      config,
      options,
      steps: this.steps,
      arena: planArena(this.demands.map((demand) => this.withLifetime(demand))),
      taps: this.taps,
      input: { region: input.name, plane: input.plane },
      classQuads: quadsFor(config.classes),
      top: topOf(config),
      finalSize: last.size,
      finalLayout: last.layout,
    };
  }

  /** Sets aside a map; a plane holds the whole batch and is padded so that any quad can start a binding. */
  private map(name: string, bank: Bank, layout: ChannelLayout, size: Size): FeatureMap {
    const pixels = this.options.batch * area(size);
    const plane = alignUp(pixels * this.quadBytes, BINDING_ALIGNMENT) / this.quadBytes;
    const bytes = layout.quads * plane * this.quadBytes;
    this.demands.push({ name, bank, usefulBytes: (layout.channels * pixels * this.quadBytes) / 4, bytes });
    return { name, bank, layout, size, plane };
  }

  private vector(name: string, bank: Bank, floats: number): void {
    const bytes = floats * FLOAT_BYTES;
    this.demands.push({ name, bank, usefulBytes: bytes, bytes: alignUp(bytes, BINDING_ALIGNMENT) });
  }

  private tap(name: string, map: FeatureMap, parts = map.layout.parts.length): void {
    const { size, plane, layout } = map;
    this.taps.push({ name, region: map.name, layout: prefixOf(layout, parts), size, plane });
  }

  /** The input and the stem, whose result is the first part of the first block. */
  private stem(first: FeatureMap, stemSize: Size): FeatureMap {
    const { config, options } = this;
    const isImagenet = config.stem === 'imagenet';
    const picture: ChannelLayout = prefixOf(
      {
        parts: [{ channels: config.inChannels, quad: 0 }],
        channels: config.inChannels,
        quads: quadsFor(config.inChannels),
      },
      1,
    );
    const entering = prefixOf(first.layout, 1);
    const input = this.map('input', isImagenet ? first.bank : other(first.bank), picture, options.inputSize);
    const conv = isImagenet ? this.map('stem', other(first.bank), entering, stemSize) : first;

    const pixels = area(options.inputSize);
    this.steps.push({
      name: 'pack',
      stage: 'input',
      kernel: 'pack',
      variant: plainVariant(),
      bindings: { src: { at: 'external', name: 'tensor' }, dst: region('input') },
      params: { pixels, channels: config.inChannels, dstPlane: input.plane },
      workgroups: [Math.ceil(pixels / WORKGROUP), picture.quads, options.batch],
      macs: 0,
    });
    this.stemConv(input, conv, entering);
    if (isImagenet) this.maxPool(conv, first);
    this.tap('stem', first, 1);
    return input;
  }

  private stemConv(input: FeatureMap, dst: FeatureMap, out: ChannelLayout): void {
    const { config, options } = this;
    const [kernel, stride] = config.stem === 'imagenet' ? [7, 2] : [3, 1];
    const variant = stemVariant(kernel, stride, stemLanes(config.inChannels), out.quads, options.traits);
    const [height, width] = dst.size;
    const tilesX = Math.ceil(width / (variant.tile.TILE_X ?? 1));
    const tiles = options.batch * height * tilesX;
    this.steps.push({
      name: 'stem',
      stage: 'network',
      kernel: 'stem',
      variant,
      bindings: {
        src: region(input.name),
        weights: weights('stem.weight'),
        bias: weights('stem.bias'),
        dst: region(dst.name),
      },
      params: {
        width,
        height,
        srcWidth: input.size[1],
        srcHeight: input.size[0],
        tilesX,
        tiles,
        srcPlane: input.plane,
        dstPlane: dst.plane,
        inQuads: input.layout.quads,
        outQuads: out.quads,
        floor: config.stemNorm ? 0 : NO_FLOOR,
      },
      workgroups: [
        Math.ceil(tiles / (variant.overrides.WORKGROUP ?? 1)),
        Math.ceil(out.quads / (variant.tile.TILE_QUADS ?? 1)),
        1,
      ],
      macs: options.batch * area(dst.size) * kernel * kernel * config.inChannels * config.initFeatures,
    });
  }

  private maxPool(src: FeatureMap, dst: FeatureMap): void {
    const pixels = this.options.batch * area(dst.size);
    this.steps.push({
      name: 'maxpool',
      stage: 'network',
      kernel: 'maxpool',
      variant: plainVariant(),
      bindings: { src: region(src.name), dst: region(dst.name) },
      params: {
        pixels,
        width: dst.size[1],
        height: dst.size[0],
        srcWidth: src.size[1],
        srcHeight: src.size[0],
        srcPlane: src.plane,
        dstPlane: dst.plane,
      },
      workgroups: [Math.ceil(pixels / WORKGROUP), src.layout.quads, 1],
      macs: 0,
    });
  }

  private block(b: number, block: FeatureMap): void {
    const width = bottleneckWidth(this.config);
    const layers = this.config.blocks[b] ?? 0;
    const scratch =
      width === null || layers === 0
        ? null
        : this.map(
            `scratch${b + 1}`,
            other(block.bank),
            { parts: [{ channels: width, quad: 0 }], channels: width, quads: quadsFor(width) },
            block.size,
          );
    for (let i = 0; i < layers; i++) {
      const name = `block${b + 1}.layer${i + 1}`;
      const read = prefixOf(block.layout, i + 1);
      if (scratch) this.reduce(name, block, read, scratch);
      this.conv(name, block, read, scratch);
    }
    this.tap(`block${b + 1}`, block);
  }

  /** BN-ReLU-1×1 of a bottleneck layer, block → scratch. */
  private reduce(name: string, block: FeatureMap, read: ChannelLayout, scratch: FeatureMap): void {
    const pixels = this.options.batch * area(block.size);
    const { quads: outQuads, channels } = scratch.layout;
    const shape = { pixels, width: block.size[1], inQuads: read.quads, outQuads };
    const variant = gemmVariant(shape, this.options.traits);
    this.steps.push({
      name: `${name}.reduce`,
      stage: 'network',
      kernel: 'conv1x1',
      variant,
      bindings: {
        src: region(block.name, 0, read.quads * block.plane * this.quadBytes),
        weights: weights(`${name}.reduce.weight`),
        norm: weights(`${name}.norm`),
        bias: weights(`${name}.reduce.bias`),
        dst: region(scratch.name),
      },
      params: { pixels, srcPlane: block.plane, dstPlane: scratch.plane, inQuads: read.quads, outQuads },
      workgroups: gemmWorkgroups(pixels, outQuads, variant),
      macs: pixels * read.channels * channels,
    });
  }

  /** 3×3 into the layer's slice: from the scratch, or in nets without bottlenecks BN-ReLU-3×3 from the block itself. */
  private conv(name: string, block: FeatureMap, read: ChannelLayout, scratch: FeatureMap | null): void {
    const { options, config } = this;
    const [height, width] = block.size;
    const pixels = options.batch * area(block.size);
    const src = scratch ?? { ...block, layout: read };
    const outQuads = quadsFor(config.growthRate);
    const shape = { pixels, width, inQuads: src.layout.quads, outQuads };
    const variant = spatialVariant(shape, options.traits, scratch === null);
    const tilesX = Math.ceil(width / (variant.tile.TILE_X ?? 1));
    const tilesY = Math.ceil(height / (variant.tile.TILE_Y ?? 1));
    const tiles = options.batch * tilesX * tilesY;
    const readBytes = read.quads * block.plane * this.quadBytes;
    this.steps.push({
      name: `${name}.conv`,
      stage: 'network',
      kernel: 'conv3x3',
      variant,
      bindings: {
        src: scratch ? region(scratch.name) : region(block.name, 0, readBytes),
        weights: weights(`${name}.conv.weight`),
        norm: weights(`${name}.norm`),
        bias: weights(`${name}.conv.bias`),
        dst: region(block.name, readBytes, outQuads * block.plane * this.quadBytes),
      },
      params: {
        width,
        height,
        tilesX,
        tilesY,
        tiles,
        srcPlane: src.plane,
        dstPlane: block.plane,
        inQuads: src.layout.quads,
        outQuads,
      },
      workgroups: [
        Math.ceil(tiles / (variant.overrides.WORKGROUP ?? 1)),
        Math.ceil(outQuads / (variant.tile.TILE_QUADS ?? 1)),
        1,
      ],
      macs: pixels * 9 * src.layout.channels * config.growthRate,
    });
  }

  private transition(b: number, block: FeatureMap, next: FeatureMap): void {
    const pixels = this.options.batch * area(next.size);
    const out = prefixOf(next.layout, 1);
    const shape = { pixels, width: next.size[1], inQuads: block.layout.quads, outQuads: out.quads };
    const variant = gemmVariant(shape, this.options.traits);
    const name = `transition${b + 1}`;
    this.steps.push({
      name,
      stage: 'network',
      kernel: 'transition',
      variant,
      bindings: {
        src: region(block.name),
        weights: weights(`${name}.weight`),
        norm: weights(`${name}.norm`),
        bias: weights(`${name}.bias`),
        dst: region(next.name),
      },
      params: {
        pixels,
        width: next.size[1],
        height: next.size[0],
        srcWidth: block.size[1],
        srcHeight: block.size[0],
        srcPlane: block.plane,
        dstPlane: next.plane,
        inQuads: block.layout.quads,
        outQuads: out.quads,
      },
      workgroups: gemmWorkgroups(pixels, out.quads, variant),
      macs: pixels * block.layout.channels * out.channels,
    });
  }

  private head(last: FeatureMap): void {
    const { vectors, steps } = planHead(this.config, this.options, last);
    for (const { name, bank, floats } of vectors) this.vector(name, bank, floats);
    this.steps.push(...steps);
    if (this.options.taps) this.finalTap(last);
  }

  private finalTap(last: FeatureMap): void {
    const final = this.map('final', other(last.bank), last.layout, last.size);
    const pixels = this.options.batch * area(last.size);
    this.steps.push({
      name: 'final',
      stage: 'taps',
      kernel: 'normalize',
      variant: plainVariant(),
      bindings: { src: region(last.name), norm: weights('head.norm'), dst: region('final') },
      params: { pixels, srcPlane: last.plane, dstPlane: final.plane },
      workgroups: [Math.ceil(pixels / WORKGROUP), last.layout.quads, 1],
      macs: 0,
    });
    this.tap('final', final);
  }

  /** A region lives from the step that first touches it to the last that does; taps and results to the end. */
  private withLifetime(demand: Omit<Demand, 'first' | 'last'>): Demand {
    const users = [...this.steps.keys()].filter((s) => touches(this.steps[s], demand.name));
    const end = this.steps.length - 1;
    const kept = this.options.taps && this.taps.some((tap) => tap.region === demand.name);
    const isResult = RESULTS.has(demand.name);
    return { ...demand, first: Math.min(...users), last: kept || isResult ? end : Math.max(...users) };
  }

  private checkWorkgroups(): void {
    for (const { name, workgroups } of this.steps) {
      const most = Math.max(...workgroups);
      if (most <= MAX_WORKGROUPS) continue;
      throw new LimitError(
        'maxComputeWorkgroupsPerDimension',
        most,
        MAX_WORKGROUPS,
        `use a smaller batch or input (step ${name})`,
      );
    }
  }
}

/** Regions that are read back after the last step. */
const RESULTS: ReadonlySet<string> = new Set(['pooled', 'logits', 'best', 'scores', 'heat']);

function touches(step: Step | undefined, name: string): boolean {
  const sources = step ? Object.values(step.bindings) : [];
  return sources.some((source) => source.at === 'region' && source.name === name);
}

function gemmWorkgroups(
  pixels: number,
  outQuads: number,
  variant: { tile: Readonly<Record<string, number>>; overrides: Readonly<Record<string, number>> },
): [number, number, number] {
  const perGroup = (variant.overrides.WORKGROUP ?? 1) * (variant.tile.TILE_PIXELS ?? 1);
  return [Math.ceil(pixels / perGroup), Math.ceil(outQuads / (variant.tile.TILE_QUADS ?? 1)), 1];
}
