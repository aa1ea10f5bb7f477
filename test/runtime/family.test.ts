/** The whole family on a real WebGPU against double precision: a small version of each row, and other shapes. */

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { TOLERANCE } from '../../src/cli/verify.js';
import { DenseNet } from '../../src/densenet.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { FAMILY, familyConfig } from '../../src/model/family.js';
import { smallestSide } from '../../src/model/layers.js';
import { blockInputs } from '../../src/model/tensors.js';
import { readModel } from '../../src/weights/model-file.js';
import { hasDriver } from '../kernels/dawn.js';
import { random, randoms } from '../kernels/harness.js';
import { forward } from '../reference/cpu-densenet.js';
import { relativeError } from '../reference/fixtures.js';
import { configs } from '../unit/plan-configs.js';
import { expectNoComplaints } from './counting.js';
import { sharedDevice } from './devices.js';

afterEach(expectNoComplaints);

/** A twelfth of a row's layers and a quarter of its widths, with its own stem, blocks, bottleneck and compression. */
function miniature(name: string): DenseNetConfig {
  const full = familyConfig(name);
  const small = {
    ...full,
    initFeatures: full.initFeatures / 4,
    growthRate: full.growthRate / 4,
    blocks: full.blocks.map((layers) => Math.ceil(layers / 12)),
    classes: 10,
  };
  const inputs = blockInputs(full);
  const transitions: number[] = [];
  let channels = small.initFeatures;
  for (const [b, out] of full.transitions.entries()) {
    const compression = out / ((inputs[b] ?? 0) + (full.blocks[b] ?? 0) * full.growthRate);
    channels = Math.floor((channels + (small.blocks[b] ?? 0) * small.growthRate) * compression);
    transitions.push(channels);
  }
  return { ...small, transitions };
}

/** Networks that shapes allow and no row has. */
const OTHERS: readonly [what: string, config: DenseNetConfig, size: readonly [number, number]][] = [
  ['one gray channel', { ...miniature('densenet121'), inChannels: 1 }, [45, 70]],
  ['twelve channels, as satellites take them', { ...miniature('densenet-bc-100-12'), inChannels: 12 }, [9, 14]],
  ['seven channels under a stem of 7×7', { ...miniature('densenet169'), inChannels: 7 }, [33, 50]],
  ['one class', { ...miniature('densenet-40-12'), classes: 1 }, [8, 8]],
  ['1,001 classes', { ...miniature('densenet-bc-40-36'), classes: 1001 }, [8, 8]],
  ['BN-ReLU behind a stem of 3×3', { ...miniature('densenet-bc-100-12'), stemNorm: true }, [11, 6]],
  ['unequal blocks at CIFAR size', { ...miniature('densenet-bc-250-24'), blocks: [3, 1, 4] }, [13, 9]],
  ['four blocks at CIFAR size (kuangliu)', { ...miniature('densenet121'), stem: 'cifar', stemNorm: false }, [16, 24]],
  ['one block', { ...miniature('densenet121'), blocks: [3], transitions: [] }, [17, 30]],
  ['the smallest input', miniature('densenet201'), [29, 29]],
  ['a strip', miniature('densenet161'), [29, 224]],
];

async function worstTap(config: DenseNetConfig, [height, width]: readonly [number, number], seed: number) {
  const bytes = randomModel(config, seed);
  const shape = [1, config.inChannels, height, width] as const;
  const data = Float32Array.from(randoms(config.inChannels * height * width, random(seed)));
  const { folded } = readModel(bytes);
  expect(folded.config).toEqual(config);
  const net = await DenseNet.load(bytes, { device: await sharedDevice('swiftshader'), inputSize: [height, width] });
  const taps = await net.taps({ data, shape });
  net.dispose();
  const expected = forward(folded, data, shape);
  expect([...taps.keys()].sort()).toEqual([...expected.keys()].sort());
  let worst = { tap: '', error: 0 };
  for (const [tap, found] of taps) {
    expect(found.shape, tap).toEqual(expected.get(tap)?.shape);
    const error = relativeError(found.data, expected.get(tap)?.values ?? []);
    if (!(error <= worst.error)) worst = { tap, error };
  }
  return worst;
}

describe.skipIf(!hasDriver('swiftshader'))('every tap equals double precision', () => {
  it.each(Object.keys(FAMILY).map((name, seed) => [name, seed] as const))('of %s, made small', async (name, seed) => {
    const config = miniature(name);
    const size = config.stem === 'imagenet' ? ([64, 48] as const) : ([16, 12] as const);
    const worst = await worstTap(config, size, seed);
    expect(worst.error, `worst tap ${worst.tap}`).toBeLessThan(TOLERANCE.f32);
  });

  it.each(OTHERS)('of a net with %s', async (_, config, size) => {
    const worst = await worstTap(config, size, 7);
    expect(worst.error, `worst tap ${worst.tap}`).toBeLessThan(TOLERANCE.f32);
  });

  it('of random networks', async () => {
    for (const [seed, config] of fc.sample(configs, { numRuns: 6, seed: 20 }).entries()) {
      const least = smallestSide(config);
      const worst = await worstTap(config, [least + seed, least + 3 * seed], seed);
      expect(worst.error, `worst tap ${worst.tap} of ${JSON.stringify(config)}`).toBeLessThan(TOLERANCE.f32);
    }
  });
});
