/** `output: 'gpu-buffer'`: the result stays on the caller's device, in a buffer that belongs to the caller. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { DenseNet } from '../../src/densenet.js';
import { hasDriver } from '../kernels/dawn.js';
import { CountingGpu, expectNoComplaints } from './counting.js';
import { failure, picture, SIDE, SMALL_MODEL, settled, smallInput, TO_SMALL } from './models.js';

afterEach(expectNoComplaints);

const OPTIONS = { inputSize: [SIDE, SIDE], preprocess: TO_SMALL } as const;
const ON_GPU = { output: 'gpu-buffer' } as const;
const IMAGES = [picture(1), picture(2), picture(3)];

describe.skipIf(!hasDriver('swiftshader'))('a result that stays on the GPU', () => {
  let gpu: GPU;
  let counting: CountingGpu;
  let device: GPUDevice;
  beforeAll(async () => {
    gpu = await dawnGpu('swiftshader');
    counting = new CountingGpu(gpu, { features: [] });
    device = await counting.open();
    return () => device.destroy();
  });
  const open = (precision: 'f32' | 'f16' = 'f32') => DenseNet.load(SMALL_MODEL, { device, precision, ...OPTIONS });

  /** The buffer's values, by work that is submitted right behind the network's. */
  async function valuesOf(data: GPUBuffer): Promise<Float32Array> {
    const staging = device.createBuffer({ size: data.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(data, 0, staging, 0, data.size);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return values;
  }

  describe.each(['f32', 'f16'] as const)('in %s', (precision) => {
    it('is what the array is, for one input and for batches', async () => {
      const net = await open(precision);
      for (const batch of [1, 3]) {
        const input = smallInput(1, batch);
        const [array, tensor] = [await net.run(input), await net.run(input, ON_GPU)];
        expect(tensor.shape).toEqual(array.shape);
        expect(await valuesOf(tensor.data)).toEqual(array.logits);
        const images = IMAGES.slice(0, batch);
        const [features, onGpu] = [await net.embed(images), await net.embed(images, ON_GPU)];
        expect(onGpu.shape).toEqual(features.shape);
        expect(await valuesOf(onGpu.data)).toEqual(features.data);
        tensor.data.destroy();
        onGpu.data.destroy();
      }
      net.dispose();
      expect(counting.liveBuffers).toBe(0);
    });
  });

  it('goes from buffer to buffer without being mapped', async () => {
    const net = await open();
    const { data, shape } = smallInput(4);
    const { logits } = await net.run({ data, shape });
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = device.createBuffer({ size: data.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, data);
    const { maps } = counting.counts;
    const result = await net.run({ data: buffer, shape }, ON_GPU);
    expect(counting.counts.maps).toBe(maps);
    expect(await valuesOf(result.data)).toEqual(logits);
    for (const used of [buffer, result.data]) used.destroy();
    net.dispose();
  });

  it('belongs to the caller: not counted, and alive after dispose()', async () => {
    const net = await open();
    const { logits } = await net.run(smallInput(5));
    const { totalBytes } = net.memory;
    const { data } = await net.run(smallInput(5), ON_GPU);
    expect(net.memory.totalBytes).toBe(totalBytes);
    expect([data.size, data.usage]).toEqual([
      4 * logits.length,
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    ]);
    net.dispose();
    expect(counting.liveBuffers).toBe(1);
    expect(await valuesOf(data)).toEqual(logits);
    data.destroy();
    expect(counting.liveBuffers).toBe(0);
  });

  it('is each call’s own when many calls are made at once', async () => {
    const net = await open();
    const seeds = Array.from({ length: 24 }, (_, i) => i % 5);
    const alone: Float32Array[] = [];
    for (let seed = 0; seed < 5; seed++) alone.push((await net.run(smallInput(seed))).logits);
    const results = await Promise.all(seeds.map((seed) => net.run(smallInput(seed), ON_GPU)));
    for (const [i, { data }] of results.entries()) {
      expect(await valuesOf(data)).toEqual(alone[seeds[i] ?? 0]);
      data.destroy();
    }
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('is destroyed when the call is aborted, or the network disposed of', async () => {
    const net = await open();
    await net.run(smallInput(6));
    const before = counting.liveBuffers;
    const { buffers } = counting.counts;
    const controller = new AbortController();
    const call = net.run(smallInput(6), { ...ON_GPU, signal: controller.signal });
    // The submission asks for its errors, and the abort comes before their answer has been passed on.
    counting.onAnswer = () => controller.abort();
    expect(await failure(call)).toBe('AbortedError: run() was aborted');
    counting.onAnswer = () => {};
    expect([counting.counts.buffers - buffers, counting.liveBuffers]).toEqual([1, before]);
    const pending = net.run(smallInput(6), ON_GPU);
    net.dispose();
    expect(await failure(pending)).toMatch(/^DisposedError: run\(\) was called on a network that has been disposed/);
    await settled(counting);
    expect(counting.liveBuffers).toBe(0);
  });

  it('that does not fit into memory is an OutOfMemoryError, and the next call works', async () => {
    const net = await open();
    const { logits } = await net.run(smallInput(7));
    const before = counting.liveBuffers;
    counting.refuses = (label) => label === 'result';
    expect(await failure(net.run(smallInput(7), ON_GPU))).toMatch(
      /^OutOfMemoryError: out of GPU memory: result needs 20 bytes/,
    );
    counting.refuses = () => false;
    expect(counting.liveBuffers).toBe(before);
    expect((await net.run(smallInput(7))).logits).toEqual(logits);
    net.dispose();
  });

  it('needs the caller’s device and a precision that needs no check, and says so', async () => {
    const own = await DenseNet.load(SMALL_MODEL, { gpu: new CountingGpu(gpu, { features: [] }).gpu, ...OPTIONS });
    expect(await failure(own.run(smallInput(1), ON_GPU))).toBe(
      'OptionError: the result cannot stay on the GPU, since the network has a device of its own: pass yours to load() as `device`',
    );
    own.dispose();
    const auto = await DenseNet.load(SMALL_MODEL, { device, precision: 'auto', ...OPTIONS });
    expect(await failure(auto.embed(picture(1), ON_GPU))).toBe(
      "OptionError: the result cannot stay on the GPU, since precision is 'auto', which reads results back to detect overflow: load() with 'f32' or 'f16'",
    );
    const unknown = JSON.parse('{"output":"gpu"}');
    expect(await failure(auto.run(smallInput(1), unknown))).toBe('OptionError: output is "gpu": make it gpu-buffer');
    auto.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  it('rejects a buffer of another device, naming it', async () => {
    const net = await open();
    const other = await new CountingGpu(gpu, { features: [] }).open();
    const { data, shape } = smallInput(8);
    const buffer = other.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.COPY_SRC });
    expect(await failure(net.run({ data: buffer, shape }, ON_GPU))).toMatch(
      /^RefusedError: the GPU refused run\(\): your buffers and textures must be alive and of the network's device/,
    );
    other.destroy();
    net.dispose();
    expect(counting.liveBuffers).toBe(0);
  });

  // The last test: the others need the device, and another one would compile everything again.
  it('is lost with the device, and the next call rejects', async () => {
    const net = await open();
    const pending = net.run(smallInput(1), ON_GPU);
    device.destroy();
    expect(await failure(pending)).toMatch(/^DeviceLostError: the GPU device was lost during run|^resolved/);
    expect(await failure(net.run(smallInput(1), ON_GPU))).toMatch(
      /^DeviceLostError: the GPU device was lost during run/,
    );
    net.dispose();
  });
});
