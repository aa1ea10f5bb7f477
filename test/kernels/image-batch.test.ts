/** The preprocessor over many pictures: normalised values, batches of mixed sizes, callers' textures, steady state. */
import { describe, expect, it } from 'vitest';
import { captureImage, type ImageSource } from '../../src/gpu/image-source.js';
import { PipelineCache } from '../../src/gpu/pipelines.js';
import { Preprocessor } from '../../src/gpu/preprocessor.js';
import { Resources } from '../../src/gpu/resources.js';
import { TEXTURE_USAGE, USAGE } from '../../src/gpu/usage.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { channelsOf, inputSizeOf, type PreprocessSpec } from '../../src/preprocess/spec.js';
import { toFloat32 } from '../../src/tensor/tensor.js';
import { imageCases, picture, TENSOR_STEP } from '../fixtures/images.js';
import { hasDriver, withDevice } from './dawn.js';
import { F32 } from './harness.js';

const open = (source: ImageSource) => captureImage(source, async (texture) => texture).open();

/** A preprocessor with an input region of its own, somewhere inside a larger buffer. */
class Bench {
  private constructor(
    private readonly device: GPUDevice,
    readonly resources: Resources,
    readonly preprocessor: Preprocessor,
    private readonly imageBytes: number,
    private readonly buffer: GPUBuffer,
  ) {}

  static async create(device: GPUDevice, spec: PreprocessSpec, images: number): Promise<Bench> {
    const size = inputSizeOf(spec);
    if (!size) throw new Error('the specification has no size of its own');
    const input = { channels: channelsOf(spec), size, border: 0 };
    const resources = new Resources(device);
    const preprocessor = await Preprocessor.create(resources, new PipelineCache(device, F32), spec, input);
    const imageBytes = size[0] * size[1] * 16;
    const usage = USAGE.STORAGE | USAGE.COPY_SRC;
    return new Bench(
      device,
      resources,
      preprocessor,
      imageBytes,
      device.createBuffer({ size: 256 + images * imageBytes, usage }),
    );
  }

  /** Images' inputs, [image][pixel][4]. */
  async run(sources: readonly ImageSource[]): Promise<Float32Array[]> {
    const pictures = await Promise.all(sources.map(open));
    const batch = await this.preprocessor.prepare(pictures);
    const bytes = sources.length * this.imageBytes;
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    batch.encode(pass, { buffer: this.buffer, offset: 256, bytes });
    pass.end();
    const staging = this.device.createBuffer({ size: bytes, usage: USAGE.MAP_READ | USAGE.COPY_DST });
    encoder.copyBufferToBuffer(this.buffer, 256, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    batch.release();
    await staging.mapAsync(1);
    const all = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return sources.map((_, i) => all.slice((i * this.imageBytes) / 4, ((i + 1) * this.imageBytes) / 4));
  }
}

const CREATORS = [
  'createBuffer',
  'createBindGroup',
  'createTexture',
  'createShaderModule',
  'createBindGroupLayout',
] as const;

/** How many GPU objects a device makes from now on. */
function countCreations(device: GPUDevice): () => number {
  let made = 0;
  for (const name of CREATORS) {
    const create: unknown = Reflect.get(device, name);
    if (typeof create !== 'function') throw new Error(`a device without ${name}`);
    Reflect.set(device, name, (...args: unknown[]) => {
      made++;
      return Reflect.apply(create, device, args);
    });
  }
  return () => made;
}

describe.skipIf(!hasDriver('swiftshader'))('the preprocessor', () => {
  const presets = imageCases().flatMap((row) => (row.tensor ? [{ ...row, tensor: row.tensor }] : []));
  it.each(presets)('normalises as the framework does: $name', ({ spec, source: [width, height], tensor, isExact }) =>
    withDevice('swiftshader', async ({ device }) => {
      const [found] = await (await Bench.create(device, spec, 1)).run([picture(width, height)]);
      const columns = inputSizeOf(spec)?.[1] ?? 0;
      const [, rows = 0, sampled = 0] = tensor.shape;
      const largest = Math.max(...toFloat32(tensor).map(Math.abs));
      const errors = [...toFloat32(tensor)].map((value, i) => {
        const [x, y, channel] = [i % sampled, Math.floor(i / sampled) % rows, Math.floor(i / sampled / rows)];
        return Math.abs((found?.[(y * columns + x) * TENSOR_STEP * 4 + channel] ?? Number.NaN) - value);
      });
      // The frameworks round after each step, this once: a few units in the last place of a float32; and to bytes, where
      // the framework does not, once in a pass and once for the mean of the channels.
      const allowed = isExact ? 5e-7 * largest : (1.5 * spec.scale) / Math.min(...spec.std);
      expect(Math.max(...errors), 'largest error').toBeLessThan(allowed);
    }),
  );

  it('makes of each picture of a mixed batch what it makes of it alone, unused channels zero', () =>
    withDevice('swiftshader', async ({ device }) => {
      const bench = await Bench.create(device, presetOf('cifar10'), 4);
      const pictures = [picture(40, 32), picture(32, 32), picture(40, 32), picture(5, 70)];
      const turned = pictures.map(({ data, width, height }, i) => ({
        data: data.map((byte) => byte ^ (i * 85)),
        width,
        height,
      }));
      const together = await bench.run(turned);
      for (const [i, image] of turned.entries()) {
        const [alone] = await bench.run([image]);
        expect(together[i]).toEqual(alone);
        expect(together[i]?.filter((_, at) => at % 4 === 3).every((value) => value === 0)).toBe(true);
      }
    }));

  it("reads callers' textures, and their order of channels does not matter", () =>
    withDevice('swiftshader', async ({ device }) => {
      const bench = await Bench.create(device, presetOf('cifar10'), 1);
      const image = picture(40, 32);
      const [expected] = await bench.run([image]);
      for (const format of ['rgba8unorm', 'bgra8unorm'] as const) {
        const usage = TEXTURE_USAGE.TEXTURE_BINDING | TEXTURE_USAGE.COPY_DST;
        const texture = device.createTexture({ size: [40, 32], format, usage });
        const swapped = image.data.map((_, at) => image.data[at % 4 === 0 ? at + 2 : at % 4 === 2 ? at - 2 : at] ?? 0);
        const bytes = Uint8Array.from(format === 'rgba8unorm' ? image.data : swapped);
        device.queue.writeTexture({ texture }, bytes, { bytesPerRow: 160 }, [40, 32]);
        expect((await bench.run([texture]))[0], format).toEqual(expected);
      }
    }));

  it('creates nothing for sizes that it has seen', () =>
    withDevice('swiftshader', async ({ device }) => {
      const bench = await Bench.create(device, presetOf('cifar10'), 2);
      const batch = [picture(40, 32), picture(61, 20)];
      await bench.run(batch);
      const created = countCreations(device);
      await bench.run(batch);
      expect(created()).toBe(1); // the test's own staging buffer
    }));

  it('keeps a bounded number of sizes, and gives everything back', () =>
    withDevice('swiftshader', async ({ device }) => {
      const bench = await Bench.create(device, presetOf('cifar10'), 1);
      const held: number[] = [];
      for (let width = 50; width < 80; width++) {
        await bench.run([picture(width, 50)]);
        held.push(bench.preprocessor.bytes);
      }
      // Eight sizes of at most 80×50 pixels: the texture, the resized rows, and less than that again for the tables.
      expect(Math.max(...held)).toBeLessThan(8 * (80 * 50 * 4 + 32 * 50 * 4 + 4096));
      bench.resources.destroy();
      expect(bench.resources.bytes).toBe(0);
    }));

  it('refuses what the network does not take, and works on afterwards', () =>
    withDevice('swiftshader', async ({ device }) => {
      const [cache, resources] = [new PipelineCache(device, F32), new Resources(device)];
      const grey = Preprocessor.create(resources, cache, presetOf('torchxrayvision'), {
        channels: 3,
        size: [224, 224],
        border: 0,
      });
      await expect(grey).rejects.toThrow(
        "the model's preprocessing makes 1 channels (gray-mean), but the network takes 3: correct its channelOrder, or pass tensors to run()",
      );
      const asTheyAre: PreprocessSpec = { ...presetOf('cifar10'), resize: { kind: 'none' }, crop: null };
      const preprocessor = await Preprocessor.create(resources, cache, asTheyAre, {
        channels: 3,
        size: [32, 32],
        border: 0,
      });
      const wide = (width: number) => open(picture(width, 32));
      await expect(preprocessor.prepare([await wide(32), await wide(33)])).rejects.toThrow('comes to 33×32');
      (await preprocessor.prepare([await wide(32)])).release();
    }));
});
