/** Whole networks with the kernels of a GPU's row, on software that poses as a GPU. */
import { afterEach, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { dawnGpu } from '../../src/cli/dawn.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { shapeKey } from '../../src/kernels/shape.js';
import { candidates, type Variant, variantKey } from '../../src/kernels/variants.js';
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

/** A GPU's adapter, whose splits are whole subgroups of four lanes as well. */
const CAPS = { subgroup: { min: 4, max: 4 }, hasSubgroups: true } as const;
const F32 = { activations: 'f32', weights: 'f32' } as const;

/** The last variant that fits, of every shape that has one: the smallest tile, which compiles fastest. */
function choicesOf(fits: (variant: Variant) => boolean, config: DenseNetConfig): Record<string, string> {
  const { steps } = planNetwork(config, { batch: 1, inputSize, ...F32, caps: CAPS });
  const choices = steps.flatMap(({ shape }) => {
    const variant = shape && candidates(shape, CAPS, F32).findLast(fits);
    return shape && variant ? [[shapeKey(shape), variantKey(shape.kernel, variant)]] : [];
  });
  return Object.fromEntries(choices);
}

const isSplit = ({ tile }: Variant): boolean => (tile.SPLIT_K ?? 1) > 1;

describe.skipIf(!hasDriver('swiftshader'))('every tap equals double precision', () => {
  it.each([
    ['with their input channels split', isSplit, SMALL],
    ['in one piece', (variant: Variant) => !isSplit(variant), SMALL],
    ['in one piece, without bottlenecks', (variant: Variant) => !isSplit(variant), { ...SMALL, bottleneck: null }],
  ] as const)("with a GPU's kernels, %s", async (_, fits, config) => {
    const { gpu } = new CountingGpu(await dawnGpu('swiftshader'), { features: ['subgroups'], isFallback: false });
    const bytes = randomModel(config, 1);
    const net = await DenseNet.load(bytes, { gpu, inputSize, tuned: choicesOf(fits, config) });
    const others = net.plan.steps.filter(({ shape, variant }) => shape && !fits(variant));
    // Few output channels leave no tile that can be split.
    expect(others.length).toBeLessThan(net.plan.steps.filter(({ shape }) => shape).length);
    const { data, shape } = smallInput(3);
    const taps = await net.taps({ data, shape });
    net.dispose();
    for (const [tap, { values }] of forward(readModel(bytes).folded, data, shape)) {
      const error = relativeError(taps.get(tap)?.data ?? [], values);
      expect(error, `${tap}: ${error}`).toBeLessThan(TOLERANCE.f32);
    }
  });
});
