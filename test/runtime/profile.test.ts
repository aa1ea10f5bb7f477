/** The profile of a call: work and traffic counted by hand, times within the adapter's measured ceiling. */
import { afterEach, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { picture, SMALL_MODEL } from './models.js';

afterEach(expectNoComplaints);

const preprocess = presetOf('cifar10');
const PIXELS = 32 * 32;
/** A quad of channels of the map, in f32. */
const QUAD = 16 * PIXELS;

describe.skipIf(!hasDriver('swiftshader'))('a profile', () => {
  it('reports work, traffic and time of each step, and its share of the adapter’s ceiling', async () => {
    const counting = new CountingGpu(await dawnGpu('swiftshader'), { features: ['timestamp-query'] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, preprocess });
    await net.classify(picture(1));
    const { liveBuffers } = counting;
    const { steps, milliseconds, resolution, ceiling } = await net.profile(picture(1));
    expect(milliseconds).toBeGreaterThan(0);
    expect(resolution).toBeGreaterThan(0);
    expect(ceiling?.gflops).toBeGreaterThan(0.01);
    expect(ceiling?.gigabytesPerSecond).toBeGreaterThan(0.01);
    expect(steps.some(({ microseconds }) => (microseconds ?? 0) > 0)).toBe(true);
    for (const { microseconds, macs, gflops } of steps)
      if (microseconds) expect(gflops).toBeCloseTo((2 * macs) / microseconds / 1000, 9);
    // 6 channels in 2 quads come in, 20 go out in 5; 1×1 weights, biases, and norms of 2 quads.
    const reduce = steps.find(({ name }) => name === 'block1.layer1.reduce');
    expect(reduce).toMatchObject({
      macs: PIXELS * 6 * 20,
      bytesRead: 2 * QUAD + 4 * (20 * 8 + 20 + 2 * 8),
      // With a border of one pixel, each plane padded to 256 bytes.
      bytesWritten: 5 * 256 * Math.ceil((16 * 34 * 34) / 256),
    });
    expect(counting.liveBuffers, 'what the probes allocated is released').toBe(liveBuffers);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('has null times where the device has no timestamps', async () => {
    const counting = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, preprocess });
    const { steps, resolution, ceiling } = await net.profile(picture(1));
    expect([resolution, ceiling]).toEqual([null, null]);
    for (const step of steps) expect(step).toMatchObject({ microseconds: null, gflops: null, ofCeiling: null });
    net.dispose();
  });
});
