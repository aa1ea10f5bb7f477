/** GPU resources: none created at steady state, little memory, none left behind. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomInput, randomModel } from '../../src/bench/random-model.js';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { familyConfig } from '../../src/model/family.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, inputOf, modelOf, picture, SIDE, SMALL_MODEL, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const INPUT_SIZE = [SIDE, SIDE] as const;
describe.skipIf(!hasDriver('swiftshader'))('resources', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
  });

  it('a call at steady state creates nothing, and is one submit and one map', async () => {
    const counting = new CountingGpu(gpu);
    const net = await DenseNet.load(await modelOf('densenet3-bc', 'cifar10'), { gpu: counting.gpu });
    const input = inputOf('densenet3-bc');
    const calls = [
      () => net.run(input),
      () => net.classify(picture(1)),
      () => net.classify(picture(2), { topK: 1000 }),
      () => net.embed(picture(3)),
      () => net.explain(picture(4)),
      () => net.explain(picture(5), { classIndex: 1 }),
      () => net.classify([picture(6), picture(7)]),
    ];
    // Twice, since a batch that grows the arena retires what was made for the old one.
    for (const call of [...calls, ...calls]) await call();
    for (const [c, call] of calls.entries()) {
      const [before, created] = [{ ...counting.counts }, counting.created()];
      for (let i = 0; i < 5; i++) await call();
      expect(counting.created() - created, `objects created by call ${c}`).toBe(0);
      expect(counting.counts.submits - before.submits, `submits of call ${c}`).toBe(5);
      expect(counting.counts.maps - before.maps, `maps of call ${c}`).toBe(5);
      expect(counting.counts.dispatches, 'dispatches are seen').toBeGreaterThan(before.dispatches);
    }
    net.dispose();
    expect([counting.liveBuffers, counting.liveTextures, counting.liveBytes]).toEqual([0, 0, 0]);
  });

  it('DenseNet-121 needs the default limits and at most 45 MB', async () => {
    // Without subgroups, whose tiles take long to compile here.
    const counting = new CountingGpu(gpu, { features: [] });
    const model = randomModel(familyConfig('densenet121'), 1);
    const net = await DenseNet.load(model, { gpu: counting.gpu });
    const { dispatches } = counting.counts;
    const { logits } = await net.run({ data: randomInput(3 * 224 * 224, 1), shape: [1, 3, 224, 224] });
    expect(logits).toHaveLength(1000);
    expect(counting.counts.dispatches - dispatches).toBeLessThanOrEqual(125);
    expect(counting.requests.map(({ requiredLimits }) => requiredLimits)).toEqual([{}]);
    expect(counting.liveBytes).toBeLessThanOrEqual(45e6);
    expect(net.memory.totalBytes).toBe(counting.liveBytes);
    net.dispose();
    expect(counting.liveBytes).toBe(0);
  });

  it('60 loads on one device leave no buffer, used or not', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    for (let i = 0; i < 60; i++) {
      const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE, preprocess: TO_SMALL });
      if (i % 3 === 1) await net.run(smallInput(i, 1 + (i % 2)));
      if (i % 3 === 2) await net.classify([picture(i), picture(i + 1)]);
      net.dispose();
      expect([counting.liveBuffers, counting.liveTextures], `after load ${i}`).toEqual([0, 0]);
    }
    expect(counting.counts.buffers).toBeGreaterThan(60);
    device.destroy();
  });

  it('loads that are aborted or fail leave no buffer', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    for (const phase of ['read', 'upload', 'compile'] as const) {
      for (let i = 0; i < 5; i++) {
        const { signal, abort } = abortable();
        const onProgress = (progress: { phase: string }) => progress.phase === phase && abort();
        const load = DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE, signal, onProgress });
        expect(await failure(load), phase).toBe('AbortedError: load() was aborted');
        expect(counting.liveBuffers, phase).toBe(0);
      }
    }
    expect(await failure(DenseNet.load(SMALL_MODEL, { device, inputSize: [1, 0] }))).toMatch(/^OptionError/);
    expect(counting.liveBuffers).toBe(0);
    device.destroy();
  });

  it('a network that is disposed of while it compiles for a new batch or image leaves no buffer', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    for (const delay of [0, 1, 3, 10, 30]) {
      const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE, preprocess: TO_SMALL });
      const run = net.run(smallInput(1, 3, SIDE + delay));
      const classify = net.classify([picture(1), picture(2)]);
      await new Promise((resolve) => setTimeout(resolve, delay));
      net.dispose();
      expect(await failure(run)).toMatch(/^DisposedError: run\(\) was called on|^resolved/);
      expect(await failure(classify)).toMatch(/^DisposedError: classify\(\) was called on|^resolved/);
      expect([counting.liveBuffers, counting.liveTextures], `disposed of after ${delay} ms`).toEqual([0, 0]);
    }
    device.destroy();
  });

  it('reports exactly the memory that is alive, also after a larger batch', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    await net.run(smallInput(1));
    expect(net.memory.totalBytes).toBe(counting.liveBytes);
    const { arenaBytes } = net.memory;
    await net.run(smallInput(2, 7, 2 * SIDE));
    expect(net.memory.arenaBytes).toBeGreaterThan(arenaBytes);
    expect(net.memory.totalBytes).toBe(counting.liveBytes);
    net.dispose();
  });
});

/** A signal, and the function that fires it. */
function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
