/** Many calls at once: each gets its own result, in order; the number in flight and the number waiting are bounded. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, picture, SIDE, SMALL_MODEL, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const OPTIONS = { inputSize: [SIDE, SIDE], preprocess: TO_SMALL } as const;
/** As the comment of `CallOptions` states. */
const MAX_CALLS = 1024;
const MAX_IN_FLIGHT = 4;

describe.skipIf(!hasDriver('swiftshader'))('calls in turn', () => {
  let counting: CountingGpu;
  let device: GPUDevice;
  beforeAll(async () => {
    counting = new CountingGpu(await dawnGpu('swiftshader'), { features: [] });
    device = await counting.open();
    return () => device.destroy();
  });

  it('1,000 run() and classify() of five callers and two networks: each its own result, in order, 4 in flight', async () => {
    const nets = [
      await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS }),
      await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS }),
    ];
    const kinds = nets.flatMap((net) =>
      [1, 2, 3].flatMap((seed) => [
        async () => String((await net.run(smallInput(seed))).logits),
        async () => JSON.stringify(await net.classify(picture(seed, 20 + seed, 30))),
      ]),
    );
    const alone: string[] = [];
    for (const ask of kinds) alone.push(await ask());
    expect(new Set(alone).size, 'three inputs, each as tensor and as picture').toBe(6);
    counting.mostMapping = 0;
    const order: number[][] = [[], []];
    const caller = async (c: number) =>
      Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          const kind = (7 * i + c) % kinds.length;
          expect(await kinds[kind]?.(), `call ${i} of caller ${c}`).toBe(alone[kind]);
          order[kind < kinds.length / 2 ? 0 : 1]?.push(i);
        }),
      );
    await Promise.all([0, 1, 2, 3, 4].map(caller));
    expect(counting.mostMapping).toBeLessThanOrEqual(MAX_IN_FLIGHT * nets.length);
    for (const answered of order) expect(answered.length).toBeGreaterThan(400);
    for (const net of nets) net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('results come in the order of the calls', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS });
    const answered: number[] = [];
    const calls = Array.from({ length: 100 }, async (_, i) => {
      await (i % 3 === 0 ? net.classify(picture(i)) : net.run(smallInput(i, 1 + (i % 2))));
      answered.push(i);
    });
    await Promise.all(calls);
    expect(answered).toEqual(Array.from({ length: 100 }, (_, i) => i));
    net.dispose();
  });

  it('one call too many is rejected, and there is room again when others are done', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS });
    const input = smallInput(1);
    const { logits } = await net.run(input);
    const calls = Array.from({ length: MAX_CALLS }, () => net.run(input));
    expect(await failure(net.run(input))).toBe(
      'QueueFullError: 1024 calls are waiting, run() would be one too many: await some of them first',
    );
    for (const { logits: got } of await Promise.all(calls)) expect(got).toEqual(logits);
    expect((await net.run(input)).logits).toEqual(logits);
    net.dispose();
  });

  it('an abort ends its own call at once: queued, decoding or in flight', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { device, ...OPTIONS });
    const { logits } = await net.run(smallInput(1));
    const ended: string[] = [];
    const abortable = (name: string, call: (signal: AbortSignal) => Promise<unknown>) => {
      const controller = new AbortController();
      const outcome = failure(call(controller.signal)).then((said) => {
        ended.push(name);
        return said;
      });
      return { abort: () => controller.abort(), outcome };
    };
    // In flight: its map is pending, and cannot settle before the next turn of the event loop.
    const mapping = new Promise<void>((resolve) => {
      counting.onMap = resolve;
    });
    const inFlight = abortable('in flight', (signal) => net.run(smallInput(1), { signal }));
    await mapping;
    inFlight.abort();
    expect(await inFlight.outcome).toBe('AbortedError: run() was aborted');
    // In the queue, behind a hundred others.
    const others = Array.from({ length: 100 }, () => net.run(smallInput(1)).finally(() => ended.push('other')));
    const queued = abortable('queued', (signal) => net.classify(picture(1), { signal }));
    queued.abort();
    expect(await queued.outcome).toBe('AbortedError: classify() was aborted');
    expect(ended.filter((name) => name === 'other').length, 'calls that ended before the queued one').toBeLessThan(10);
    // While its image decodes, which lasts until the end of the test.
    let decode = (_: unknown) => {};
    const decoding = new Promise((resolve) => {
      decode = resolve;
    });
    Object.assign(globalThis, { createImageBitmap: () => decoding });
    const feeding = abortable('feeding', (signal) => net.classify(new Blob(['slow']), { signal }));
    await Promise.all(others);
    feeding.abort();
    expect(await feeding.outcome).toBe('AbortedError: classify() was aborted');
    let closed = 0;
    decode({ width: 9, height: 9, close: () => closed++ });
    Reflect.deleteProperty(globalThis, 'createImageBitmap');
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    expect(closed, 'its bitmap is closed').toBe(1);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('that are aborted free their places in the queue at once', async () => {
    const net = await DenseNet.load(SMALL_MODEL, { gpu: await dawnGpu('swiftshader'), inputSize: [SIDE, SIDE] });
    const { logits } = await net.run(smallInput(1));
    const controller = new AbortController();
    const aborted = Array.from({ length: 1024 }, () => failure(net.run(smallInput(2), { signal: controller.signal })));
    expect(await failure(net.run(smallInput(1)))).toMatch(/^QueueFullError/);
    controller.abort();
    expect(new Set(await Promise.all(aborted))).toEqual(new Set(['AbortedError: run() was aborted']));
    // Before most of them have had their turn.
    const next = Array.from({ length: 1024 }, () => net.run(smallInput(1)));
    for (const { logits: found } of await Promise.all(next)) expect(found).toEqual(logits);
    net.dispose();
  });
});
