/**
 * The GPU device: requested with what the plan needs and no more, or the caller's own.
 */

import { WebGPUUnavailableError } from '../core/errors.js';
import type { AdapterCaps } from '../kernels/machines.js';
import { beyondDefaults, type Limits } from './limits.js';

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
const WANTED: readonly GPUFeatureName[] = ['subgroups', 'shader-f16', 'timestamp-query'];

/**
 * @param gpu `navigator.gpu`, or the object of another WebGPU implementation
 * @throws WebGPUUnavailableError when there is no WebGPU here or no adapter
 */
export async function requestAdapter(gpu: GPU | undefined): Promise<GPUAdapter> {
  if (!gpu) throw unavailable('no-webgpu');
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch((cause: unknown) => {
    throw unavailable('no-adapter', cause);
  });
  if (!adapter) throw unavailable('no-adapter');
  return adapter;
}

/**
 * A device with the wanted features that the adapter has, and the default limits; only those that do not suffice are
 * raised, and that of textures.
 *
 * @throws WebGPUUnavailableError when the adapter refuses
 */
export async function requestDevice(adapter: GPUAdapter, limits: Limits): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      label: 'densenet-webgpu',
      requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
      requiredLimits: { ...beyondDefaults(limits), ...textureLimit(adapter) },
    });
  } catch (cause) {
    throw unavailable('no-device', cause);
  }
}

/** WebGPU's default limit (section 3.6.2). */
const DEFAULT_TEXTURE_SIDE = 8192;

/** The adapter's largest texture: how large the images are is not known yet, and the limit costs nothing. */
function textureLimit({ limits: { maxTextureDimension2D: side } }: GPUAdapter): Record<string, number> {
  return side > DEFAULT_TEXTURE_SIDE ? { maxTextureDimension2D: side } : {};
}

/** Browsers, or a program without any. */
const NO_WEBGPU =
  'there is no WebGPU here (navigator.gpu is missing): use Chrome or Edge 113+, Firefox 141+ or Safari 26+, over https or ' +
  'localhost; in Node pass the option gpu (create([]) of npm webgpu); with server-side rendering load on the client only';

/** What is missing, and what a visitor can do about it. */
const UNAVAILABLE = {
  'no-webgpu': NO_WEBGPU,
  'no-adapter':
    'WebGPU is here but it offers no adapter: update the graphics driver, or enable hardware acceleration in the settings',
  'no-device': 'the adapter refused to open a device: reload the page or restart the browser',
} as const;

const unavailable = (reason: keyof typeof UNAVAILABLE, cause?: unknown): WebGPUUnavailableError =>
  new WebGPUUnavailableError(reason, UNAVAILABLE[reason], { cause });

/** Whether networks can run here; and if not, why, in words for a visitor. */
export type Support =
  | { readonly supported: true; readonly adapter: AdapterReport }
  | { readonly supported: false; readonly reason: 'no-webgpu' | 'no-adapter' | 'no-device'; readonly message: string };

/** Asks for an adapter and nothing more. */
export async function checkSupport(gpu: GPU | undefined): Promise<Support> {
  try {
    const { info, features } = await requestAdapter(gpu);
    return { supported: true, adapter: reportOf(info, features) };
  } catch (error) {
    if (error instanceof WebGPUUnavailableError)
      return { supported: false, reason: error.reason, message: error.message };
    throw error;
  }
}

/** WebGPU's bounds of a subgroup, which an adapter that does not know its own may give. */
const ANY_SUBGROUP = { min: 4, max: 128 };

/** Facts of a device's adapter, for the choice of kernel variants. */
export function capsOf(device: GPUDevice, info: GPUAdapterInfo | undefined = device.adapterInfo): AdapterCaps {
  const min = info?.subgroupMinSize ?? 0;
  const max = info?.subgroupMaxSize ?? 0;
  const isKnown = min > 0 && (min !== ANY_SUBGROUP.min || max !== ANY_SUBGROUP.max);
  return {
    subgroup: isKnown ? { min, max } : null,
    hasSubgroups: device.features.has('subgroups'),
    hasFloat16: device.features.has('shader-f16'),
    isSoftware: info?.isFallbackAdapter ?? false,
  };
}

export const adapterReport = (device: GPUDevice): AdapterReport => reportOf(device.adapterInfo, device.features);

/** @param info missing in older implementations */
function reportOf(info: GPUAdapterInfo | undefined, features: GPUSupportedFeatures): AdapterReport {
  const { vendor = '', architecture = '', device = '', description = '' } = info ?? {};
  const isFallback = info?.isFallbackAdapter ?? false;
  return { vendor, architecture, device, description, isFallback, features: [...features].sort() };
}
