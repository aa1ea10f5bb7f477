/** Every wait is bounded: a GPU or a decoder that never answers gives TimeoutError, and the next call works. */
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { type Asynchronous, CountingGpu, expectNoComplaints } from './counting.js';
import { SIDE, SMALL_MODEL, settled, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);
afterEach(() => {
  vi.useRealTimers();
});

const TIMEOUT = 100_000;
const LATE = /^TimeoutError: the GPU did not answer in 100 s: try again, or load\(\) with a longer timeout$/;

/** The outcome of a call after its timeout has passed; `isWaiting` tells when it has begun to wait. */
async function atTheEnd(call: () => Promise<unknown>, isWaiting: () => boolean): Promise<string> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const outcome = call().then(String, (error) => `${error.name}: ${error.message}`);
  await expect.poll(isWaiting, { timeout: 60_000 }).toBe(true);
  vi.advanceTimersByTime(TIMEOUT);
  vi.useRealTimers();
  return outcome;
}

describe.skipIf(!hasDriver('swiftshader'))('a wait is bounded', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
  });
  const open = () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const warnings: string[] = [];
    const load = () =>
      DenseNet.load(SMALL_MODEL, {
        ...{ gpu: counting.gpu, inputSize: [SIDE, SIDE], preprocess: TO_SMALL, timeout: TIMEOUT },
        onWarning: ({ name }) => void warnings.push(name),
      });
    return { counting, load, warnings };
  };

  it.each<Asynchronous>(['requestAdapter', 'requestDevice', 'popErrorScope', 'createComputePipelineAsync'])(
    'at load: %s never settles; nothing is left, and the next load works',
    async (method) => {
      const { counting, load } = open();
      counting.silent.add(method);
      expect(await atTheEnd(load, () => counting.unanswered > 0)).toMatch(LATE);
      counting.silent.clear();
      // Destroying the device frees its buffers.
      if (counting.device) expect((await counting.device.lost).reason).toBe('destroyed');
      const net = await load();
      expect((await net.run(smallInput(1))).shape).toEqual([1, 5]);
      net.dispose();
    },
  );

  it.each<Asynchronous>(['mapAsync', 'popErrorScope'])(
    'in a call: %s never settles; the next call gets a new device and the right result',
    async (method) => {
      const { counting, load, warnings } = open();
      const net = await load();
      const { logits } = await net.run(smallInput(1));
      counting.silent.add(method);
      expect(
        await atTheEnd(
          () => net.run(smallInput(1)),
          () => counting.unanswered > 0,
        ),
      ).toMatch(LATE);
      counting.silent.clear();
      expect((await net.run(smallInput(1))).logits).toEqual(logits);
      expect(warnings).toEqual(['DeviceLostError']);
      net.dispose();
      await settled(counting);
      expect(counting.liveBuffers).toBe(0);
    },
  );

  it('an image that never decodes ends its own call only, and is closed if it decodes later', async () => {
    const { counting, load } = open();
    const net = await load();
    const { logits } = await net.run(smallInput(1));
    let [asked, closed] = [0, 0];
    let decode = (_: unknown) => {};
    const decoding = new Promise((resolve) => {
      decode = resolve;
    });
    const createImageBitmap = () => {
      asked++;
      return decoding;
    };
    Object.assign(globalThis, { createImageBitmap });
    const late = await atTheEnd(
      () => net.classify(new Blob(['slow'])),
      () => asked > 0,
    );
    expect(late).toMatch(/^TimeoutError: an image decoder did not answer in 100 s/);
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    decode({ width: 9, height: 9, close: () => closed++ });
    Reflect.deleteProperty(globalThis, 'createImageBitmap');
    await expect.poll(() => closed).toBe(1);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });
});
