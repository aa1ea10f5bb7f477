/** WebGPU in this process (npm `webgpu`): the system's GPU, else a software Vulkan driver. */
import sharp from 'sharp';
import { DenseNet } from '../densenet.js';
import { ImageError, WebGPUUnavailableError } from '../errors.js';
import type { PixelData } from '../image/source.js';
import { dawnGpu } from './dawn.js';
import type { Runner, RunnerOptions } from './runner.js';

/** Tried in order; `null` is the system's own driver. */
const DRIVERS = [null, 'lavapipe', 'swiftshader'] as const;

export async function openNodeRunner(model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const net = await DenseNet.load(model, { gpu: await anyGpu(), ...options });
  return {
    backend: 'node',
    adapter: net.adapter,
    async classify(path, topK) {
      const pixels = await decode(path);
      const start = performance.now();
      const top = await net.classify(pixels, { topK });
      return { top, milliseconds: performance.now() - start };
    },
    taps: (data, shape) => net.taps({ data, shape }),
    close: async () => net.dispose(),
  };
}

/** Straight RGBA at the orientation the picture is seen at. */
async function decode(path: string): Promise<PixelData> {
  try {
    const image = sharp(path, { failOn: 'error' }).rotate().toColourspace('srgb').ensureAlpha();
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data: new Uint8Array(data), width: info.width, height: info.height };
  } catch (cause) {
    throw new ImageError(
      `${path} is no picture that can be decoded: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** @throws WebGPUUnavailableError */
export async function anyGpu(): Promise<GPU> {
  let failure: unknown;
  for (const driver of DRIVERS) {
    try {
      const gpu = await dawnGpu(driver);
      if (await gpu.requestAdapter()) return gpu;
    } catch (error) {
      failure = error;
    }
  }
  throw new WebGPUUnavailableError(
    'no-adapter',
    'Node found no WebGPU adapter: install a Vulkan driver, or use --backend chrome',
    {
      cause: failure,
    },
  );
}
