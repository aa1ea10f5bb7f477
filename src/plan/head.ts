/**
 * The steps behind the last dense block: global pool and classifier, then what runs on request (scores, explanation).
 */

import { plainVariant } from '../kernels/variants.js';
import { quadsFor } from '../model/channels.js';
import type { DenseNetConfig } from '../model/config.js';
import type { Bank } from './arena.js';
import { area, type FeatureMap, other, WORKGROUP } from './feature-map.js';
import { region, type Step, weights } from './step.js';

/** Best classes that the scores stage finds, if there are as many. */
const TOP = 10;

export const topOf = (config: DenseNetConfig): number => Math.min(TOP, config.classes);

/** A row of f32 values per image that a step of the head leaves. */
export interface HeadVector {
  readonly name: string;
  readonly bank: Bank;
  readonly floats: number;
}

const vector = (name: string, bank: Bank, floats: number): HeadVector => ({ name, bank, floats });

/** @param last the last dense block; its bank holds the logits, the other the rest */
export function planHead(
  config: DenseNetConfig,
  options: { readonly batch: number; readonly sigmoid?: boolean },
  last: FeatureMap,
): { readonly vectors: readonly HeadVector[]; readonly steps: readonly Step[] } {
  const { batch } = options;
  const pixels = area(last.size);
  const { quads, channels } = last.layout;
  const classQuads = quadsFor(config.classes);
  const top = topOf(config);
  const [own, opposite] = [last.bank, other(last.bank)];
  const vectors = [
    vector('pooled', opposite, batch * quads * 4),
    vector('logits', own, batch * classQuads * 4),
    vector('best', opposite, batch * top * 2),
    vector('scores', opposite, batch * classQuads * 4),
    vector('heat', opposite, batch * pixels),
  ];
  const steps: Step[] = [
    {
      name: 'pool',
      stage: 'network',
      kernel: 'pool',
      variant: { tile: {}, overrides: {} },
      bindings: { src: region(last.name), norm: weights('head.norm'), dst: region('pooled') },
      params: { pixels, quads, srcPlane: last.plane },
      workgroups: [quads, batch, 1],
      macs: 0,
    },
    {
      name: 'linear',
      stage: 'network',
      kernel: 'linear',
      variant: { tile: {}, overrides: {} },
      bindings: {
        src: region('pooled'),
        weights: weights('head.weight'),
        bias: weights('head.bias'),
        dst: region('logits'),
      },
      params: { inQuads: quads, outQuads: classQuads },
      workgroups: [Math.ceil(classQuads / 8), batch, 1],
      macs: batch * channels * config.classes,
    },
    {
      name: 'scores',
      stage: 'scores',
      kernel: 'scores',
      variant: { tile: {}, overrides: {} },
      bindings: { logits: region('logits'), best: region('best'), scores: region('scores') },
      params: { classes: config.classes, stride: classQuads * 4, top, sigmoid: options.sigmoid ? 1 : 0 },
      workgroups: [batch, 1, 1],
      macs: 0,
    },
    {
      name: 'cam',
      stage: 'explain',
      kernel: 'cam',
      variant: plainVariant(),
      bindings: {
        src: region(last.name),
        weights: weights('head.weight'),
        norm: weights('head.norm'),
        classOf: { at: 'external', name: 'classes' },
        dst: region('heat'),
      },
      params: { pixels, quads, srcPlane: last.plane, classQuads },
      workgroups: [Math.ceil(pixels / WORKGROUP), batch, 1],
      macs: batch * pixels * channels,
    },
  ];
  return { vectors, steps };
}
