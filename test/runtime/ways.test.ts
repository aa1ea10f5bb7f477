/** Whole networks in the ways that a GPU's tuner may choose, on software that poses as a GPU. */
import { afterEach, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { shapeKey } from '../../src/kernels/shape.js';
import { candidates, variantKey } from '../../src/kernels/variants.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { planNetwork } from '../../src/plan/network.js';
import { readModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { relativeError } from '../reference/fixtures.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { SIDE, SMALL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const inputSize = [SIDE, SIDE] as const;

/** The last variant with such a constant of every shape that has one: the smallest tile, which compiles fastest. */
function choicesWith(constant: string, config: DenseNetConfig): Record<string, string> {
  const traits = { subgroup: null };
  const { steps } = planNetwork(config, { batch: 1, inputSize, activations: 'f32', traits });
  const choices = steps.flatMap(({ shape }) => {
    const variant = shape && candidates(shape, traits).findLast(({ tile }) => tile[constant]);
    return shape && variant ? [[shapeKey(shape), variantKey(shape.kernel, variant)]] : [];
  });
  return Object.fromEntries(choices);
}

describe.skipIf(!hasDriver('swiftshader'))('every tap equals double precision', () => {
  it.each([
    ['sliced', 'without bottlenecks', 'SLICES', { ...SMALL, bottleneck: null }],
    ['staged', 'without bottlenecks', 'STAGED', { ...SMALL, bottleneck: null }],
    ['staged', 'with bottlenecks', 'STAGED', SMALL],
  ] as const)('with all convolutions behind the stem %s, %s', async (_, __, constant, config) => {
    const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: [], isFallback: false });
    const bytes = randomModel(config, 1);
    const net = await DenseNet.load(bytes, { gpu, inputSize, tuned: choicesWith(constant, config) });
    const others = net.plan.steps.filter(({ shape, variant }) => shape && !variant.tile[constant]);
    expect(others.map(({ name }) => name)).toEqual(['stem']);
    const { data, shape } = smallInput(3);
    const taps = await net.taps({ data, shape });
    net.dispose();
    for (const [tap, { values }] of forward(readModel(bytes).folded, data, shape)) {
      const error = relativeError(taps.get(tap)?.data ?? [], values);
      expect(error, `${tap}: ${error}`).toBeLessThan(TOLERANCE.f32);
    }
  });
});
