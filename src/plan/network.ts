/**
 * The plan of a network at one batch and input size: its steps in order and the arena they run in, as plain data.
 *
 * Concatenation is in place: a dense block is one region, each layer reads its first channels and writes its slice
 * behind them. A block and its scratch lie in different banks, and blocks alternate, so that every transition crosses
 * from one bank to the other (see `arena.ts`).
 */
import { alignUp } from '../core/align.js';
import { assertDefined } from '../core/assert.js';
import { LimitError } from '../core/errors.js';
import type { AdapterCaps } from '../kernels/machines.js';
import { plainVariant, type TunedVariants } from '../kernels/variants.js';
import { type ChannelLayout, layoutChannels, prefixOf, quadsFor } from '../model/channels.js';
import { type Activation, type DenseNetConfig, stemOf } from '../model/config.js';
import { mapSizes, type Size } from '../model/layers.js';
import { bottleneckWidth } from '../model/tensors.js';
import { featureLayouts, pooledLayout } from '../weights/pack.js';
import { type Arena, type Bank, BINDING_ALIGNMENT, type Demand, planArena } from './arena.js';
import { area, bankOf, type FeatureMap, other, storedSize, WORKGROUP } from './feature-map.js';
import { finalFloor, planHead, topOf } from './head.js';
import { convStep, type LayerContext, maxPoolStep, packStep, reduceStep, stemStep, transitionStep } from './layers.js';
import { region, type Step, weights } from './step.js';

export interface PlanOptions {
  readonly batch: number;
  readonly inputSize: Size;
  /** Storage of the feature maps. */
  readonly activations: 'f32' | 'f16';
  /** Storage of the weights, by default f32. */
  readonly weights?: 'f32' | 'f16';
  readonly caps: AdapterCaps;
  /** Measured choices, instead of the model's. */
  readonly tuned?: TunedVariants | undefined;
  /** Keep every tap until the end, for `verify`; costs memory. */
  readonly taps?: boolean;
  /** Of the scores; softmax unless said. */
  readonly activation?: Activation;
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
  /** Where the input image goes: [quad][image][row][column], with a border of zeros around each image. */
  readonly input: { readonly region: string; readonly border: number };
  /** Quads of a logits row. */
  readonly classQuads: number;
  /** Candidates of a row of `best`. */
  readonly top: number;
  /** The map under the head, which class activation maps have the size of, and its channels. */
  readonly finalSize: Size;
  readonly finalLayout: ChannelLayout;
  /** Of the pooled vector. */
  readonly pooledLayout: ChannelLayout;
}

/** WebGPU's default `maxComputeWorkgroupsPerDimension`. */
const MAX_WORKGROUPS = 65535;
const FLOAT_BYTES = 4;

/**
 * @throws TensorShapeError when the input is too small for the network; LimitError when a dispatch would exceed WebGPU's
 * workgroup count, naming the batch as the repair
 */
export function planNetwork(config: DenseNetConfig, options: PlanOptions): NetworkPlan {
  return new Planner(config, options).plan();
}

/** Bytes of one pixel of a quad. */
const quadBytes = (activations: 'f32' | 'f16'): number => (activations === 'f16' ? 8 : 16);

class Planner {
  private readonly steps: Step[] = [];
  private readonly demands: Omit<Demand, 'first' | 'last'>[] = [];
  private readonly taps: Tap[] = [];
  private readonly context: LayerContext;

  constructor(
    private readonly config: DenseNetConfig,
    private readonly options: PlanOptions,
  ) {
    const { batch, caps, activations, weights: stored = 'f32', tuned } = options;
    this.context = { batch, caps, precision: { activations, weights: stored }, tuned, config };
  }

  plan(): NetworkPlan {
    const { config, options } = this;
    const sizes = mapSizes(config, options.inputSize);
    const layouts = featureLayouts(config);
    const blocks = layouts.map((layout, b) => this.map(`block${b + 1}`, bankOf(b), layout, sizes.blocks[b] ?? [0, 0]));
    const first = assertDefined(blocks[0], 'block');
    const last = assertDefined(blocks.at(-1), 'block');

    const input = this.stem(first, sizes.stem);
    for (const [b, block] of blocks.entries()) {
      this.block(b, block);
      const next = blocks[b + 1];
      if (next) this.steps.push(transitionStep(`transition${b + 1}`, block, next, this.context));
    }
    this.head(last);
    this.checkWorkgroups();
    return {
      config,
      options,
      steps: this.steps,
      arena: planArena(this.demands.map((demand) => this.withLifetime(demand))),
      taps: this.taps,
      input: { region: input.name, border: input.border },
      classQuads: quadsFor(config.classes),
      top: topOf(config),
      finalSize: last.size,
      finalLayout: last.layout,
      pooledLayout: pooledLayout(config, last.layout),
    };
  }

  /** Sets aside a map; a plane holds the whole batch and is padded so that any quad can start a binding. */
  private map(name: string, bank: Bank, layout: ChannelLayout, size: Size, border = 0): FeatureMap {
    const { batch, activations } = this.options;
    const stored = quadBytes(activations);
    const planeBytes = alignUp(batch * area(storedSize({ size, border })) * stored, BINDING_ALIGNMENT);
    const usefulBytes = (layout.channels * batch * area(size) * stored) / 4;
    this.demands.push({ name, bank, usefulBytes, bytes: layout.quads * planeBytes });
    return { name, bank, layout, size, border, plane: planeBytes / stored, quadBytes: planeBytes };
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
    const { config, context } = this;
    const { pool, padding } = stemOf(config);
    const image = layoutChannels([config.inChannels]);
    const entering = prefixOf(first.layout, 1);
    const bank = pool ? first.bank : other(first.bank);
    const input = this.map('input', bank, image, this.options.inputSize, padding);
    const conv = pool ? this.map('stem', other(first.bank), entering, stemSize) : first;
    this.steps.push(packStep(input, context), stemStep(input, conv, entering, context));
    if (pool) this.steps.push(maxPoolStep(conv, first, context));
    this.tap('stem', first, 1);
    return input;
  }

  private block(b: number, block: FeatureMap): void {
    const { config, context } = this;
    const width = bottleneckWidth(config);
    const layers = config.blocks[b] ?? 0;
    const scratch =
      width === null || layers === 0
        ? null
        : this.map(`scratch${b + 1}`, other(block.bank), layoutChannels([width]), block.size, 1);
    for (let i = 0; i < layers; i++) {
      const name = `block${b + 1}.layer${i + 1}`;
      const read = prefixOf(block.layout, i + 1);
      if (scratch) this.steps.push(reduceStep(name, block, read, scratch, i === 0, context));
      this.steps.push(convStep(name, block, read, scratch, context));
    }
    this.tap(`block${b + 1}`, block);
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
      params: { pixels, srcPlane: last.plane, dstPlane: final.plane, floor: finalFloor(this.config) },
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
