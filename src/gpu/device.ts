/**
 * The GPU device: requested with what the plan needs and no more, or the caller's own.
 */

import { WebGPUUnavailableError } from '../core/errors.js';
import { areFour, FOUR_LANES, type Traits } from '../kernels/variants.js';
import { explained } from '../runtime/apart.js';
import { beyondDefaults, type Limits } from './limits.js';
import type { whyUnavailable } from './unavailable.js';

/** What an adapter says of itself; empty strings where a browser keeps it private. */
export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallback: boolean;
  readonly features: readonly string[];
}

/** Optional features that make kernels faster or smaller, or profiling possible. Everything works without them. */
const WANTED: readonly GPUFeatureName[] = ['subgroups', 'timestamp-query'];

/**
 * @param gpu `navigator.gpu`, or the object of another WebGPU implementation
 * @throws WebGPUUnavailableError when there is no WebGPU here or no adapter
 */
export async function requestAdapter(gpu: GPU | undefined): Promise<GPUAdapter> {
  if (!gpu) {
    throw new WebGPUUnavailableError(
      'no-webgpu',
      'this browser has no WebGPU (navigator.gpu is missing): use Chrome or Edge 113+, Firefox 141+ or Safari 26+, over https or localhost',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw await unavailable('no-adapter');
  return adapter;
}

/**
 * A device with the wanted features that the adapter has, and the default limits; only those that do not suffice are
 * raised.
 *
 * @throws WebGPUUnavailableError when the adapter refuses
 */
export async function requestDevice(adapter: GPUAdapter, limits: Limits): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      label: 'densenet-webgpu',
      requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
      requiredLimits: beyondDefaults(limits),
    });
  } catch (cause) {
    throw await unavailable('no-device', cause);
  }
}

async function unavailable(reason: keyof typeof whyUnavailable, cause?: unknown): Promise<WebGPUUnavailableError> {
  const [message] = await explained(({ whyUnavailable }) => [whyUnavailable[reason]]);
  return new WebGPUUnavailableError(reason, message, { cause });
}

/** Facts of a device's adapter, for the choice of kernel variants; those of other software are in `gpu/software.ts`. */
export function traitsOf(device: GPUDevice, info: GPUAdapterInfo | undefined = device.adapterInfo): Traits {
  const min = info?.subgroupMinSize ?? 0;
  const max = info?.subgroupMaxSize ?? 0;
  const subgroup = device.features.has('subgroups') && min > 0 ? { min, max } : null;
  return info?.isFallbackAdapter && areFour(subgroup) ? { subgroup, software: FOUR_LANES } : { subgroup };
}

export function adapterReport(device: GPUDevice, info: GPUAdapterInfo | undefined = device.adapterInfo): AdapterReport {
  const { vendor = '', architecture = '', device: model = '', description = '' } = info ?? {};
  const isFallback = info?.isFallbackAdapter ?? false;
  return { vendor, architecture, device: model, description, isFallback, features: [...device.features].sort() };
}
