/** Random members of the family and plans of them, for the planner's property tests. */
import fc from 'fast-check';
import type { DenseNetConfig } from '../../src/model/config.js';
import { planNetwork } from '../../src/plan/network.js';
import { CAPS } from '../kernels/cases.js';

/** Adapters of every row of the table of machines. */
const caps = fc.constantFrom(...CAPS);

export const configs: fc.Arbitrary<DenseNetConfig> = fc
  .record({
    stem: fc.constantFrom('imagenet' as const, 'cifar' as const),
    blocks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    growthRate: fc.integer({ min: 1, max: 9 }),
    initFeatures: fc.integer({ min: 1, max: 20 }),
    bottleneck: fc.constantFrom(null, 1, 2, 4),
    inChannels: fc.integer({ min: 1, max: 6 }),
    classes: fc.integer({ min: 1, max: 30 }),
    shrink: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ shrink, ...row }) => {
    const transitions: number[] = [];
    let channels = row.initFeatures;
    for (const layers of row.blocks.slice(0, -1)) {
      channels = Math.ceil((channels + layers * row.growthRate) / shrink);
      transitions.push(channels);
    }
    return { ...row, transitions, stemNorm: row.stem === 'imagenet', bnEpsilon: 1e-5 };
  });

export const plans = fc
  .record({
    config: configs,
    caps,
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 32, max: 70 }),
    width: fc.integer({ min: 32, max: 70 }),
    activations: fc.constantFrom('f32' as const, 'f16' as const),
    taps: fc.boolean(),
  })
  .map(({ config, height, width, ...options }) => planNetwork(config, { ...options, inputSize: [height, width] }));
