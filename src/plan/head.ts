/**
 * The steps behind the last dense block: global pool and dense layers, then what runs on request (scores, explanation).
 */
import { plainVariant } from '../kernels/variants.js';
import { type ChannelLayout, quadsFor } from '../model/channels.js';
import { type Activation, type DenseNetConfig, HEAD_ACTIVATIONS, type HeadActivation } from '../model/config.js';
import { pooledLayout } from '../weights/pack.js';
import type { Bank } from './arena.js';
import { area, type FeatureMap, other, WORKGROUP } from './feature-map.js';
import { NO_FLOOR } from './layers.js';
import { region, type Step, weights } from './step.js';

/** Best classes that the scores stage finds, if there are as many. */
const TOP = 10;

export const topOf = (config: DenseNetConfig): number => Math.min(TOP, config.classes);

/** What a last batch norm's values are raised to: 0 for its ReLU. */
export const finalFloor = ({ finalRelu }: DenseNetConfig): number => (finalRelu === false ? NO_FLOOR : 0);

/** A row of f32 values per image that a step of the head leaves. */
export interface HeadVector {
  readonly name: string;
  readonly bank: Bank;
  readonly floats: number;
}

export interface HeadPlan {
  readonly vectors: readonly HeadVector[];
  readonly steps: readonly Step[];
}

/** A dense layer: what it reads and leaves, in quads of a row, and the activation between what it reads and itself. */
interface DenseLayer {
  readonly name: string;
  readonly src: string;
  readonly srcBank: Bank;
  readonly dst: string;
  readonly inQuads: number;
  readonly outQuads: number;
  readonly macs: number;
  readonly activation: HeadActivation;
}

/** As the kernels number them. */
const KINDS = { average: 0, max: 1, both: 2 } as const;
const SCORES: Readonly<Record<Activation, number>> = { softmax: 0, sigmoid: 1, none: 2 };

/** @param last the last dense block; what a step reads lies in one bank, what it writes in the other */
export function planHead(
  config: DenseNetConfig,
  options: { readonly batch: number; readonly activation?: Activation },
  last: FeatureMap,
): HeadPlan {
  const { batch } = options;
  const pooled = pooledLayout(config, last.layout);
  const pooledBank = other(last.bank);
  const row = (name: string, bank: Bank, floats: number): HeadVector => ({ name, bank, floats: batch * floats });
  const pool = poolStep(config, last, batch);
  if (config.classes === 0) return { vectors: [row('pooled', pooledBank, pooled.quads * 4)], steps: [pool] };
  const layers = denseLayers(config, pooled, pooledBank);
  const logitsBank = other(layers.at(-1)?.srcBank ?? last.bank);
  const classFloats = quadsFor(config.classes) * 4;
  const isExplained = config.pooling === undefined;
  const vectors = [
    ...layers.map(({ src, srcBank, inQuads }) => row(src, srcBank, inQuads * 4)),
    row('logits', logitsBank, classFloats),
    row('best', other(logitsBank), topOf(config) * 2),
    row('scores', other(logitsBank), classFloats),
    ...(isExplained ? layers.map(({ srcBank, inQuads }, i) => row(`gradient${i}`, other(srcBank), inQuads * 4)) : []),
    ...(isExplained ? [row('heat', other(last.bank), area(last.size))] : []),
  ];
  const steps = [pool, ...layers.map((layer) => linearStep(layer, batch)), scoresStep(config, options)];
  const explained = isExplained ? explainSteps(layers, last, batch, finalFloor(config)) : [];
  return { vectors, steps: [...steps, ...explained] };
}

function poolStep(config: DenseNetConfig, last: FeatureMap, batch: number): Step {
  const { quads } = last.layout;
  const kind = KINDS[config.pooling ?? 'average'];
  return {
    name: 'pool',
    stage: 'network',
    kernel: 'pool',
    variant: { tile: {}, overrides: {} },
    bindings: { src: region(last.name), norm: weights('head.norm'), dst: region('pooled') },
    params: { pixels: area(last.size), quads, srcPlane: last.plane, kind, floor: finalFloor(config) },
    workgroups: [quads, batch, 1],
    macs: 0,
  };
}

function scoresStep(
  config: DenseNetConfig,
  { batch, activation = 'softmax' }: { readonly batch: number; readonly activation?: Activation },
): Step {
  const { classes } = config;
  return {
    name: 'scores',
    stage: 'scores',
    kernel: 'scores',
    variant: { tile: {}, overrides: {} },
    bindings: { logits: region('logits'), best: region('best'), scores: region('scores') },
    params: { classes, stride: quadsFor(classes) * 4, top: topOf(config), activation: SCORES[activation] },
    workgroups: [batch, 1, 1],
    macs: 0,
  };
}

function denseLayers(config: DenseNetConfig, pooled: ChannelLayout, pooledBank: Bank): readonly DenseLayer[] {
  const hidden = config.hidden ?? [];
  const widths = [...hidden.map(({ width }) => width), ...(config.classes > 0 ? [config.classes] : [])];
  let [src, inQuads, inputs]: [string, number, number] = ['pooled', pooled.quads, pooled.channels];
  let activation: HeadActivation = 'none';
  let srcBank = pooledBank;
  return widths.map((width, index) => {
    const isClassifier = index === hidden.length;
    const outQuads = quadsFor(width);
    const dst = isClassifier ? 'logits' : `hidden${index + 1}`;
    const name = isClassifier ? 'head' : `head.hidden${index + 1}`;
    const layer = { name, src, srcBank, dst, inQuads, outQuads, macs: inputs * width, activation };
    srcBank = other(srcBank);
    [src, inQuads, inputs, activation] = [dst, outQuads, width, hidden[index]?.activation ?? 'none'];
    return layer;
  });
}

function linearStep({ name, src, dst, inQuads, outQuads, macs, activation }: DenseLayer, batch: number): Step {
  return {
    name: dst === 'logits' ? 'linear' : dst,
    stage: 'network',
    kernel: 'linear',
    variant: { tile: {}, overrides: {} },
    bindings: {
      src: region(src),
      weights: weights(`${name}.weight`),
      bias: weights(`${name}.bias`),
      dst: region(dst),
    },
    params: { inQuads, outQuads, activation: HEAD_ACTIVATIONS.indexOf(activation) },
    workgroups: [Math.ceil(outQuads / 8), batch, 1],
    macs: batch * macs,
  };
}

/** From the classifier back to the pooled features, then over the last map. */
function explainSteps(layers: readonly DenseLayer[], last: FeatureMap, batch: number, floor: number): Step[] {
  const pixels = area(last.size);
  const { quads, channels } = last.layout;
  const backwards = [...layers.entries()].reverse().map(([index, layer]): Step => {
    const { name, src, inQuads, outQuads, macs, activation } = layer;
    const isClassifier = index === layers.length - 1;
    return {
      name: `gradient${index}`,
      stage: 'explain',
      kernel: 'gradient',
      variant: plainVariant(),
      bindings: {
        weights: weights(`${name}.weight`),
        // The classifier's kernel does not read it.
        above: region(isClassifier ? src : `gradient${index + 1}`),
        below: region(src),
        classOf: { at: 'external', name: 'classes' },
        dst: region(`gradient${index}`),
      },
      params: {
        inQuads,
        outQuads,
        activation: HEAD_ACTIVATIONS.indexOf(activation),
        isClassifier: isClassifier ? 1 : 0,
      },
      workgroups: [Math.ceil(inQuads / WORKGROUP), batch, 1],
      macs: isClassifier ? 0 : batch * macs,
    };
  });
  return [
    ...backwards,
    {
      name: 'cam',
      stage: 'explain',
      kernel: 'cam',
      variant: plainVariant(),
      bindings: {
        src: region(last.name),
        gradient: region('gradient0'),
        norm: weights('head.norm'),
        dst: region('heat'),
      },
      params: { pixels, quads, srcPlane: last.plane, floor },
      workgroups: [Math.ceil(pixels / WORKGROUP), batch, 1],
      macs: batch * pixels * channels,
    },
  ];
}
