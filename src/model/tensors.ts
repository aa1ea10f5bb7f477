/**
 * The tensors that a config demands: every canonical name with its shape. The one place that spells the names.
 *
 * Knows no bytes and no file.
 */
import { type DenseNetConfig, stemOf } from './config.js';

export type Shape = readonly number[];

/** Canonical module names, without the leaf. `b` and `i` count from 1. */
export const names = {
  stemConv: 'features.conv0',
  stemNorm: 'features.norm0',
  layer: (b: number, i: number, part: 'norm1' | 'conv1' | 'norm2' | 'conv2') =>
    `features.denseblock${b}.denselayer${i}.${part}`,
  transition: (b: number, part: 'norm' | 'conv') => `features.transition${b}.${part}`,
  finalNorm: 'features.norm5',
  /** Dense layers between the pool and the classifier, counted from 1. */
  hidden: (n: number) => `head.hidden${n}`,
  classifier: 'classifier',
} as const;

export interface ExpectedTensor {
  readonly shape: Shape;
  /** Biases of convolutions, which most checkpoints lack, and of the head; all else is required. */
  readonly optional: boolean;
}

/** The width of the 1×1 bottleneck, or `null` for plain layers. */
export function bottleneckWidth(config: DenseNetConfig): number | null {
  return config.bottleneck === null ? null : Math.round(config.bottleneck * config.growthRate);
}

/** Channels that enter each dense block. */
export function blockInputs(config: DenseNetConfig): number[] {
  return config.blocks.map((_, b) => (b === 0 ? config.initFeatures : (config.transitions[b - 1] ?? 0)));
}

/** Channels that leave the last dense block. */
export function finalChannels(config: DenseNetConfig): number {
  const last = config.blocks.length - 1;
  return (blockInputs(config)[last] ?? 0) + (config.blocks[last] ?? 0) * config.growthRate;
}

/** Values of the pooled vector: two for each channel where average and maximum are joined. */
export function pooledWidth(config: DenseNetConfig): number {
  return finalChannels(config) * (config.pooling === 'both' ? 2 : 1);
}

/** The full table, in the network's order. */
export function expectedTensors(config: DenseNetConfig): Map<string, ExpectedTensor> {
  const table = new Map<string, ExpectedTensor>();
  const norm = (name: string, channels: number) => {
    for (const leaf of ['weight', 'bias', 'running_mean', 'running_var'])
      table.set(`${name}.${leaf}`, { shape: [channels], optional: false });
  };
  const conv = (name: string, out: number, channels: number, kernel: number) => {
    table.set(`${name}.weight`, { shape: [out, channels, kernel, kernel], optional: false });
    table.set(`${name}.bias`, { shape: [out], optional: true });
  };
  conv(names.stemConv, config.initFeatures, config.inChannels, stemOf(config).kernel);
  if (config.stemNorm) norm(names.stemNorm, config.initFeatures);
  const reduced = bottleneckWidth(config);
  const inputs = blockInputs(config);
  for (const [index, layers] of config.blocks.entries()) {
    const b = index + 1;
    let channels = inputs[index] ?? 0;
    for (let i = 1; i <= layers; i++) {
      norm(names.layer(b, i, 'norm1'), channels);
      conv(names.layer(b, i, 'conv1'), reduced ?? config.growthRate, channels, reduced === null ? 3 : 1);
      if (reduced !== null) {
        norm(names.layer(b, i, 'norm2'), reduced);
        conv(names.layer(b, i, 'conv2'), config.growthRate, reduced, 3);
      }
      channels += config.growthRate;
    }
    const out = config.transitions[index];
    if (out !== undefined) {
      norm(names.transition(b, 'norm'), channels);
      conv(names.transition(b, 'conv'), out, channels, 1);
    }
  }
  norm(names.finalNorm, finalChannels(config));
  let width = pooledWidth(config);
  const dense = (name: string, out: number) => {
    table.set(`${name}.weight`, { shape: [out, width], optional: false });
    table.set(`${name}.bias`, { shape: [out], optional: true });
    width = out;
  };
  for (const [index, layer] of (config.hidden ?? []).entries()) dense(names.hidden(index + 1), layer.width);
  if (config.classes > 0) dense(names.classifier, config.classes);
  return table;
}
