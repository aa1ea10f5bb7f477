/** Whole networks with the variants of a GPU, on a software GPU that does not say what it is. */
import { describe, expect, it } from 'vitest';
import { randomModel } from '../../src/cli/bench/random-model.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import { traitsOf } from '../../src/gpu/device.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { planNetwork } from '../../src/plan/network.js';
import { shapeKey } from '../../src/plan/shape.js';
import { candidates, variantKey } from '../../src/plan/variants.js';
import { readModel } from '../../src/weights/model-file.js';
import { hasDriver, withDevice } from '../kernels/dawn.js';
import { forward } from '../reference/cpu-densenet.js';
import { relativeError } from '../reference/fixtures.js';
import { SIDE, SMALL, smallInput } from './models.js';

const NETS: Readonly<Record<string, DenseNetConfig>> = {
  'with bottlenecks': SMALL,
  'without bottlenecks': { ...SMALL, bottleneck: null },
};

/** The last variant with such a constant of every shape that has one: the smallest tile, which compiles fastest. */
function choicesWith(constant: string, config: DenseNetConfig, device: GPUDevice): Record<string, string> {
  const traits = traitsOf(device);
  const options = { batch: 1, inputSize: [SIDE, SIDE], activations: 'f32', traits } as const;
  const choices = planNetwork(config, options).steps.flatMap(({ shape }) => {
    const variant = shape && candidates(shape, traits).findLast(({ tile }) => tile[constant]);
    return shape && variant ? [[shapeKey(shape), variantKey(shape.kernel, variant)]] : [];
  });
  return Object.fromEntries(choices);
}

describe.skipIf(!hasDriver('swiftshader')).each(Object.keys(NETS))('a network %s', (name) => {
  const config = NETS[name] ?? SMALL;
  const bytes = randomModel(config, 1);
  const input = smallInput(3);

  it.each(['SLICES', 'STAGED'])('has the right taps with %s in every convolution behind the stem', (constant) =>
    withDevice('swiftshader', async ({ device }) => {
      const isFallbackAdapter = false;
      Object.defineProperty(device, 'adapterInfo', { value: { ...device.adapterInfo, isFallbackAdapter } });
      const tuned = choicesWith(constant, config, device);
      const net = await DenseNet.load(bytes, { device, inputSize: [SIDE, SIDE], tuned });
      const others = net.plan.steps.filter(({ shape, variant }) => shape && !variant.tile[constant]);
      expect(others.map((step) => step.name)).toEqual(['stem']);
      const found = await net.taps(input);
      for (const [tap, { values }] of forward(readModel(bytes).folded, input.data, input.shape)) {
        const error = relativeError(found.get(tap)?.data ?? [], values);
        expect(error, `${tap}: ${error}`).toBeLessThan(TOLERANCE.f32);
      }
      net.dispose();
    }),
  );
});
