/** WebGPU in this process (npm `webgpu`): the system's GPU, else a software Vulkan driver. */

import { WebGPUUnavailableError } from '../core/errors.js';
import { DenseNet } from '../densenet.js';
import { dawnGpu } from './dawn.js';
import { decodePicture } from './decode-picture.js';
import type { Runner, RunnerOptions } from './runner.js';

/** Tried in order; `null` is the system's own driver. */
const DRIVERS = [null, 'lavapipe', 'swiftshader'] as const;

export async function openNodeRunner(model: Uint8Array, options: RunnerOptions): Promise<Runner> {
  const net = await DenseNet.load(model, { gpu: await anyGpu(), ...options });
  return {
    backend: 'node',
    adapter: net.adapter,
    tuning: net.tuning,
    async classify(path, topK) {
      const pixels = await decodePicture(path);
      const start = performance.now();
      const top = await net.classify(pixels, { topK });
      return { top, milliseconds: performance.now() - start };
    },
    taps: (data, shape) => net.taps({ data, shape }),
    close: async () => net.dispose(),
  };
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
