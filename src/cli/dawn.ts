/**
 * WebGPU inside Node: Dawn (npm `webgpu`), over a chosen software Vulkan driver or over whatever the system has.
 *
 * Knows no model; loads the `webgpu` package only when called.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WebGPUUnavailableError } from '../core/errors.js';
import { pauseBetweenPolls } from './dawn-polling.js';
import { browserFolder } from './installed-browsers.js';

/** SwiftShader comes with Chrome and Chromium; lavapipe with Mesa (shader-f16, subgroups of 8 from Mesa 25). */
export type VulkanDriver = 'swiftshader' | 'lavapipe';

/** Vulkan driver manifests by software driver, the first that exists is taken. */
const MANIFESTS: Readonly<Record<VulkanDriver, readonly string[]>> = {
  swiftshader: [
    '/usr/lib/chromium/vk_swiftshader_icd.json',
    '/usr/lib64/chromium-browser/vk_swiftshader_icd.json',
    '/opt/google/chrome/vk_swiftshader_icd.json',
    '/opt/microsoft/msedge/vk_swiftshader_icd.json',
  ],
  lavapipe: [
    '/usr/share/vulkan/icd.d/lvp_icd.json',
    '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json',
    '/usr/share/vulkan/icd.d/lvp_icd.aarch64.json',
  ],
};

const PACKAGES: Readonly<Record<VulkanDriver, string>> = {
  swiftshader: 'install Chrome or Chromium',
  lavapipe: 'install mesa-vulkan-drivers',
};

/** The driver's Vulkan manifest, or `null` when it is not installed. SwiftShader's may lie beside any Chrome found. */
export function findDriver(kind: VulkanDriver): string | null {
  const chrome = kind === 'swiftshader' ? browserFolder('chrome') : null;
  const beside = chrome === null ? [] : [join(chrome, 'vk_swiftshader_icd.json')];
  return [...beside, ...MANIFESTS[kind]].find((path) => existsSync(path)) ?? null;
}

/** Kept for the life of the process: an instance that is collected takes its devices along. */
const instances = new Map<string, GPU>();

/**
 * A WebGPU entry point outside any browser.
 *
 * @param kind a software driver (Linux), or `null` for the system's own
 * @throws WebGPUUnavailableError when the package or the driver is missing
 */
export async function dawnGpu(kind: VulkanDriver | null = null): Promise<GPU> {
  const driver = process.platform === 'linux' ? kind : null;
  const kept = instances.get(driver ?? 'system');
  if (kept) return kept;
  if (driver !== null) selectDriver(driver);
  const { create, globals } = await loadDawn();
  // GPUBufferUsage and the like, which every caller of WebGPU expects as globals.
  Object.assign(globalThis, globals);
  if (instances.size === 0) pauseBetweenPolls();
  const gpu = create([]);
  instances.set(driver ?? 'system', gpu);
  // The Vulkan instance is made on first use; it must be made while the environment names this driver.
  await gpu.requestAdapter();
  return gpu;
}

function selectDriver(driver: VulkanDriver): void {
  const manifest = findDriver(driver);
  if (manifest === null) {
    throw new WebGPUUnavailableError('no-adapter', `the ${driver} Vulkan driver is missing: ${PACKAGES[driver]}`);
  }
  process.env.VK_ICD_FILENAMES = manifest;
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
}

async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    const repair = 'install the npm package `webgpu` (and libvulkan1 on Linux), or use --backend chrome';
    throw new WebGPUUnavailableError('no-webgpu', `WebGPU for Node cannot be loaded: ${repair}`, { cause });
  }
}
