/** A GPU without enough memory, or with limits too small: typed errors, and what worked before works on. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, SIDE, SMALL_MODEL, smallInput } from './models.js';

afterEach(expectNoComplaints);

const INPUT_SIZE = [SIDE, SIDE] as const;
const LARGE_BATCH = 16;

describe.skipIf(!hasDriver('swiftshader'))('memory', () => {
  let gpu: GPU;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
  });

  it.each([
    ['weights', 'weights'],
    ['arena bank 0', 'arena bank 0 and arena bank 1'],
    ['arena bank 1', 'arena bank 0 and arena bank 1'],
    ['step parameters', 'step parameters and input tensor and classes to explain'],
  ])('refused at load for the %s: an error that says so, and nothing is left', async (label, what) => {
    const counting = new CountingGpu(gpu, { features: [] });
    counting.refuses = (asked) => asked === label;
    const load = DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    expect(await failure(load)).toMatch(
      new RegExp(
        `^OutOfMemoryError: out of GPU memory: ${what} needs \\d+ bytes; close other GPU pages, or use a smaller batch$`,
      ),
    );
    expect(counting.liveBuffers).toBe(0);
    counting.refuses = () => false;
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    expect((await net.run(smallInput(1))).shape).toEqual([1, 5]);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it.each(['arena bank 1', 'input tensor'])('refused for a larger batch (%s): smaller ones go on', async (label) => {
    const counting = new CountingGpu(gpu, { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    const { logits } = await net.run(smallInput(1));
    counting.refuses = (asked) => asked === label;
    expect(await failure(net.run(smallInput(2, LARGE_BATCH)))).toMatch(/^OutOfMemoryError: .* use a smaller batch$/);
    counting.refuses = () => false;
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    expect((await net.run(smallInput(2, LARGE_BATCH))).shape).toEqual([LARGE_BATCH, 5]);
    expect(net.memory.totalBytes).toBe(counting.liveBytes);
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('a batch beyond the limits names the limit, both numbers and the repair, and allocates nothing', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const net = await DenseNet.load(SMALL_MODEL, { gpu: counting.gpu, inputSize: INPUT_SIZE });
    const { logits } = await net.run(smallInput(1));
    const live = counting.liveBytes;
    const batch = 150_000;
    const data = new Float32Array(batch * 3 * SIDE * SIDE);
    expect(await failure(net.run({ data, shape: [batch, 3, SIDE, SIDE] }))).toMatch(
      /^LimitError: max\w+ is \d+ on this adapter, but \d+ is needed: .*use a smaller batch or input/,
    );
    expect(counting.liveBytes).toBe(live);
    expect((await net.run(smallInput(1))).logits).toEqual(logits);
    net.dispose();
  });

  it('no adapter, and an adapter that gives no device, are told apart', async () => {
    const counting = new CountingGpu(gpu);
    counting.isAway = true;
    expect(await failure(DenseNet.load(SMALL_MODEL, { gpu: counting.gpu }))).toMatch(
      /^WebGPUUnavailableError: WebGPU is here but it offers no adapter/,
    );
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new Error('no adapter');
    adapter.requestDevice = () => Promise.reject(new TypeError('refused for the test'));
    const stingy = new Proxy(gpu, {
      get: (target, key) => (key === 'requestAdapter' ? async () => adapter : Reflect.get(target, key)),
    });
    expect(await failure(DenseNet.load(SMALL_MODEL, { gpu: stingy }))).toMatch(
      /^WebGPUUnavailableError: the adapter refused to open a device/,
    );
  });
});
