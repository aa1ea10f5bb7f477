/** Long use in Node on SwiftShader leaks neither GPU buffers nor JavaScript memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from '../runtime/counting.js';
import { failure, picture, SIDE, SMALL_MODEL, settled, smallInput, TO_SMALL } from '../runtime/models.js';
import { COUNTS, GROWTH, PATIENCE_MS, report, soak } from './lengths.js';

afterEach(expectNoComplaints);

const OPTIONS = { inputSize: [SIDE, SIDE], preprocess: TO_SMALL } as const;
const INPUTS = [1, 2, 3].map((seed) => smallInput(seed, seed));
const PICTURES = [1, 2, 3].map((seed) => picture(seed));

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Bytes in use after garbage collections, until another frees nothing more (finalisers free more). */
async function heap(): Promise<number> {
  let used = Number.POSITIVE_INFINITY;
  for (let isLess = true; isLess; ) {
    for (let i = 0; i < 3; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    isLess = heapUsed + arrayBuffers < used - 32 * 1024;
    used = heapUsed + arrayBuffers;
  }
  return used;
}

describe.skipIf(!hasDriver('swiftshader'))('in Node', () => {
  let counting: CountingGpu;
  let device: GPUDevice;
  beforeAll(async () => {
    counting = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    device = await counting.open();
  });
  afterAll(() => device?.destroy());

  it('inferences of every kind', { timeout: PATIENCE_MS }, async () => {
    const start = performance.now();
    const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS });
    const calls = [
      ...INPUTS.map((input) => () => net.run(input)),
      ...PICTURES.map((image) => () => net.classify(image)),
      () => net.classify(PICTURES.slice(0, 2)),
      () => net.explain(PICTURES[0] ?? picture(1)),
      () => net.embed(PICTURES[1] ?? picture(2)),
      // Aborted ones, too.
      () => failure(net.run(INPUTS[0] ?? smallInput(1), { signal: AbortSignal.abort() })),
    ];
    // Larger batches come early: they grow the arena, which discards what was made for the old one.
    for (const call of [...calls, ...calls]) await call();
    const [created, live] = [counting.created(), counting.liveBytes];
    const step = async (i: number) => {
      await calls[i % calls.length]?.();
      const due = process.getActiveResourcesInfo().filter((name) => name === 'Immediate');
      if (i % 50 === 0) expect(due.length, `due in the next turn of Node's loop, after ${i}`).toBeLessThan(20);
    };
    const used = await soak(COUNTS.inferences, step, heap);
    expect(counting.created() - created, 'GPU objects created').toBe(0);
    expect(counting.liveBytes).toBe(live);
    expect(used[1] - used[0], 'growth of the heap').toBeLessThan(GROWTH);
    net.dispose();
    expect([counting.liveBuffers, counting.liveTextures]).toEqual([0, 0]);
    report('Node, inferences', COUNTS.inferences, used, start);
  });

  it('loads and disposals, used or not', { timeout: PATIENCE_MS }, async () => {
    const start = performance.now();
    const step = async (i: number) => {
      const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS });
      if (i % 3 === 1) await net.run(INPUTS[0] ?? smallInput(1));
      if (i % 3 === 2) await net.explain(PICTURES[0] ?? picture(1));
      net.dispose();
      expect([counting.liveBuffers, counting.liveTextures], `after load ${i}`).toEqual([0, 0]);
    };
    const used = await soak(COUNTS.loads, step, heap);
    expect(used[1] - used[0], 'growth of the heap').toBeLessThan(GROWTH);
    report('Node, loads', COUNTS.loads, used, start);
  });

  it('a device that outlives a network keeps nothing of it', async () => {
    // Only the network refers to it.
    const held = await (async () => {
      const onWarning = () => {};
      const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS, onWarning });
      await net.run(INPUTS[0] ?? smallInput(1));
      net.dispose();
      return new WeakRef(onWarning);
    })();
    await expect.poll(async () => (await heap()) && held.deref(), { timeout: 10_000 }).toBeUndefined();
  });

  it('loads that are aborted at any moment', { timeout: PATIENCE_MS }, async () => {
    const start = performance.now();
    const ended = new Map<string, number>();
    const phases = ['read', 'upload', 'compile'];
    const step = async (i: number) => {
      const controller = new AbortController();
      // In a phase, or this many milliseconds after the start.
      const phase = phases[i % 6];
      const timer = phase === undefined ? setTimeout(() => controller.abort(), i % 20) : undefined;
      const onProgress = (progress: { phase: string }) => progress.phase === phase && controller.abort();
      const { signal } = controller;
      const outcome = DenseNet.load(SMALL_MODEL, { device, ...OPTIONS, signal, onProgress }).then((net) => {
        net.dispose();
        return 'loaded before';
      });
      const said = await failure(outcome);
      clearTimeout(timer);
      ended.set(said, (ended.get(said) ?? 0) + 1);
      await settled(counting);
      expect([counting.liveBuffers, counting.liveTextures], `after load ${i}`).toEqual([0, 0]);
    };
    const used = await soak(COUNTS.abortedLoads, step, heap);
    expect(used[1] - used[0], 'growth of the heap').toBeLessThan(GROWTH);
    expect([...ended.keys()].filter((said) => !/^AbortedError: |^resolved with loaded/.test(said))).toEqual([]);
    expect(ended.get('AbortedError: load() was aborted')).toBeGreaterThanOrEqual(COUNTS.abortedLoads / 2);
    report('Node, aborted loads', COUNTS.abortedLoads, used, start);
  });
});
