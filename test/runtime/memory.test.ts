/** Too little GPU memory or too small limits: typed errors, and what worked before still works. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { dawnGpu } from '../../src/cli/dawn.js';
import { LimitError } from '../../src/core/errors.js';
import { DenseNet } from '../../src/densenet.js';
import type { DenseNetConfig } from '../../src/model/config.js';
import { planNetwork } from '../../src/plan/network.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, SIDE, SMALL, SMALL_MODEL, smallInput } from './models.js';

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

  it.each(['arena bank 1', 'input tensor'])(
    'out of memory for a larger batch (%s): smaller batches still work',
    async (label) => {
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
    },
  );

  it('a batch beyond the limits: the error names limit, needed, offered and repair, and nothing is allocated', async () => {
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

  it('names the largest batch that fits, and that batch runs', async () => {
    const device = await new CountingGpu(gpu, { features: [] }).open();
    // As on an adapter with small limits.
    const limits = { maxBufferSize: 2 ** 20, maxStorageBufferBindingSize: 50_000 };
    Object.defineProperty(device, 'limits', { value: { ...limits, maxTextureDimension2D: 8192 } });
    const net = await DenseNet.load(SMALL_MODEL, { device, inputSize: INPUT_SIZE });
    const error = await net.run(smallInput(1, 99)).catch((caught: unknown) => caught);
    if (!(error instanceof LimitError && error.largestBatch)) throw new Error(`no batch is named: ${error}`);
    expect(error.message).toBe(
      `maxStorageBufferBindingSize is 50000 on this adapter, but ${error.needed} is needed: use a smaller batch or ` +
        `input, or weights: 'f16' (a batch of ${error.largestBatch} fits)`,
    );
    expect((await net.run(smallInput(1, error.largestBatch))).shape).toEqual([error.largestBatch, 5]);
    expect(await failure(net.run(smallInput(1, error.largestBatch + 1)))).toMatch(/^LimitError/);
    net.dispose();
    device.destroy();
  });

  it('an input too large for any batch is rejected before a device is requested', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const options = { gpu: counting.gpu, inputSize: [16_384, 16_384] } as const;
    expect(await failure(DenseNet.load(SMALL_MODEL, options))).toMatch(
      /^LimitError: max\w+ is \d+ on this adapter, but \d+ is needed: use a smaller batch or input.* \(no batch fits\)$/,
    );
    expect(counting.requests).toEqual([]);
  });

  it.each([
    ['as a whole', 'maxBufferSize' as const, { maxBufferSize: 10_000, maxStorageBufferBindingSize: 2 ** 27 }],
    [
      'in one tensor',
      'maxStorageBufferBindingSize' as const,
      { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2048 },
    ],
  ])('weights that are too large %s name the limit, and nothing is allocated', async (_, limit, limits) => {
    const counting = new CountingGpu(gpu, { features: [] });
    const device = await counting.open();
    Object.defineProperty(device, 'limits', { value: limits });
    expect(await failure(DenseNet.load(SMALL_MODEL, { device, inputSize: [4, 4] }))).toMatch(
      new RegExp(`^LimitError: ${limit} is ${limits[limit]} .*or weights: 'f16' \\(no batch fits\\)$`),
    );
    expect(counting.counts.buffers).toBe(0);
    device.destroy();
  });

  it('a batch beyond the default limits requests a device with what it needs, no more', async () => {
    let asked: GPUDeviceDescriptor | undefined;
    const requestDevice = (descriptor: GPUDeviceDescriptor) => {
      asked = descriptor;
      return Promise.reject(new TypeError('enough is known'));
    };
    const limits = { maxBufferSize: 2 ** 32, maxStorageBufferBindingSize: 2 ** 32 };
    const adapter = { limits, features: new Set(), requestDevice };
    const generous = new Proxy(gpu, { get: () => async () => adapter });
    for (const batch of [1, 10_000, 60_000]) {
      const load = DenseNet.load(SMALL_MODEL, { gpu: generous, inputSize: INPUT_SIZE, batch });
      expect(await failure(load)).toMatch(/^WebGPUUnavailableError/);
      const { regions, bankBytes } = arenaOf(SMALL, batch, INPUT_SIZE);
      const [binding, buffer] = [Math.max(...regions.map(({ bytes }) => bytes)), Math.max(...bankBytes)];
      expect(asked?.requiredLimits, `batch ${batch}`).toEqual({
        ...(binding > 2 ** 27 ? { maxStorageBufferBindingSize: binding } : {}),
        ...(buffer > 2 ** 28 ? { maxBufferSize: buffer } : {}),
      });
    }
    expect(Object.keys(asked?.requiredLimits ?? {}), 'the largest batch needs more of both').toHaveLength(2);
  });

  it('a real allocation fails: a bank of 1 GiB, which SwiftShader offers and cannot allocate', async () => {
    const counting = new CountingGpu(gpu, { features: [] });
    const inputSize = [512, 1024] as const;
    const bytes = Math.max(...arenaOf(WIDE, 1, inputSize).bankBytes);
    expect((await gpu.requestAdapter())?.limits).toMatchObject({ maxBufferSize: bytes });
    const load = DenseNet.load(randomModel(WIDE, 1), { gpu: counting.gpu, inputSize });
    expect(await failure(load, 60_000)).toMatch(
      /^OutOfMemoryError: out of GPU memory: arena bank 0 and arena bank 1 needs \d+ bytes/,
    );
    expect(counting.liveBuffers).toBe(0);
  });

  it('distinguishes no adapter from an adapter that gives no device', async () => {
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

/** A map of 32 quads has 512 bytes for each pixel: the most pixels of a dispatch would exceed a buffer's limit. */
const WIDE: DenseNetConfig = { ...SMALL, initFeatures: 508, growthRate: 4, transitions: [8] };

const arenaOf = (config: DenseNetConfig, batch: number, inputSize: readonly [number, number]) =>
  planNetwork(config, { batch, inputSize, activations: 'f32', caps: { subgroup: null } }).arena;
