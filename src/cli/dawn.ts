/**
 * WebGPU in Node: Dawn (npm `webgpu`) on the system's Vulkan driver or on a chosen software one. Knows no model, and
 * imports `webgpu` only when called.
 */
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { WebGPUUnavailableError } from '../core/errors.js';
import { browserFolder } from './installed-browsers.js';
import { cachedSwiftShader, downloadSwiftShader } from './swiftshader.js';

/** SwiftShader comes with Chrome and Chromium, and with an npm package; lavapipe with Mesa (shader-f16, subgroups of 8 from Mesa 25). */
export type VulkanDriver = 'swiftshader' | 'lavapipe';

/** Paths of each driver's Vulkan manifest; the first that exists is used. */
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

const REPAIRS: Readonly<Record<VulkanDriver, string>> = {
  swiftshader: 'install Chrome or Chromium, or run "npm run classify -- --backend node" once, which downloads it',
  lavapipe: 'install mesa-vulkan-drivers',
};

/**
 * The driver's Vulkan manifest, or `null` when there is none here. SwiftShader's may be beside any Chrome found, or in this
 * project's cache.
 */
export function findDriver(kind: VulkanDriver): string | null {
  const chrome = kind === 'swiftshader' ? browserFolder('chrome') : null;
  const inChrome = chrome === null ? [] : [join(chrome, 'vk_swiftshader_icd.json')];
  const installed = [...inChrome, ...MANIFESTS[kind]].find((path) => existsSync(path));
  return installed ?? (kind === 'swiftshader' ? cachedSwiftShader() : null);
}

/** By driver, for the life of the process: an instance that is garbage-collected takes its devices along. */
const instances = new Map<string, GPU>();

/**
 * A WebGPU entry point outside any browser.
 *
 * @param kind a software driver (Linux), or `null` for the system's own
 * @throws WebGPUUnavailableError when the package or the driver is missing
 */
export async function dawnGpu(kind: VulkanDriver | null = null): Promise<GPU> {
  const driver = process.platform === 'linux' ? kind : null;
  const existing = instances.get(driver ?? 'system');
  if (existing) return existing;
  if (driver !== null) selectDriver(driver);
  const { create, globals } = await loadDawn();
  // GPUBufferUsage and the like, which every caller of WebGPU expects as globals.
  Object.assign(globalThis, globals);
  if (instances.size === 0) pauseBetweenPolls();
  const gpu = create([]);
  instances.set(driver ?? 'system', gpu);
  // Dawn makes its Vulkan instance on first use, which must be while the environment names this driver.
  await gpu.requestAdapter();
  return gpu;
}

/**
 * The system's own driver, else SwiftShader, which is downloaded once where it is not on this computer.
 *
 * @throws WebGPUUnavailableError when neither has an adapter
 */
export async function anyGpu(): Promise<GPU> {
  // Without a loader, Dawn would only print a warning.
  const system = process.platform !== 'linux' || loadLibrary(LOADER) ? await dawnGpu() : null;
  if (system && (await system.requestAdapter())) return system;
  const why = process.platform === 'linux' ? await swiftShaderGpu() : 'there is no software driver for this system';
  if (typeof why !== 'string') return why;
  throw new WebGPUUnavailableError(
    'no-adapter',
    `Node found no GPU with a driver (Vulkan, Metal or D3D12), and ${why}: install a driver, or Chrome, Chromium or Edge`,
  );
}

/** SwiftShader, or why it cannot be used. */
async function swiftShaderGpu(): Promise<GPU | string> {
  try {
    if (findDriver('swiftshader') === null) await downloadSwiftShader();
    const gpu = await dawnGpu('swiftshader');
    return (await gpu.requestAdapter()) ? gpu : 'SwiftShader does not run here';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function selectDriver(driver: VulkanDriver): void {
  const manifest = findDriver(driver);
  if (manifest === null) {
    throw new WebGPUUnavailableError('no-adapter', `the ${driver} Vulkan driver is missing: ${REPAIRS[driver]}`);
  }
  process.env.VK_ICD_FILENAMES = manifest;
  process.env.XDG_RUNTIME_DIR ??= '/tmp';
  // Chrome and the npm package bring a loader beside SwiftShader.
  if (!loadLibrary(LOADER)) loadLibrary(join(dirname(manifest), LOADER));
}

/** The Vulkan loader, by the name that Dawn opens it with. */
const LOADER = 'libvulkan.so.1';
/** From dlfcn.h: the library stays loaded, also when its handle is closed. */
const RTLD_NODELETE = 0x1000;

/**
 * Loads a shared library into this process, so that a later `dlopen` of its name finds it; LD_LIBRARY_PATH would have to be
 * set before the process starts. Node closes and rejects what is no addon, but RTLD_NODELETE keeps it.
 *
 * @param path a name without slashes is looked for in the system's folders
 * @returns whether it was loaded
 */
function loadLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    return String(error).includes('did not self-register');
  }
}

async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    const repair = 'install the npm package `webgpu` (and libvulkan1 on Linux), or use --backend chrome';
    throw new WebGPUUnavailableError('no-webgpu', `WebGPU for Node cannot be loaded: ${repair}`, { cause });
  }
}

/** A call that is answered within this time gets no pause. */
const SPIN_MS = 0.2;
/** A pause is this share of the time waited so far, so that it delays no answer by much. */
const PAUSE_SHARE = 1 / 20;
const SHORTEST_PAUSE_MS = 0.1;
const LONGEST_PAUSE_MS = 1;

const never = new Int32Array(new SharedArrayBuffer(4));
let pending = 0;
let since = 0;
/** Whether a poll is scheduled: there is one at a time, or a thousand calls would make a thousand pauses per turn. */
let isPolling = false;

function poll(): void {
  isPolling = pending > 0;
  if (!isPolling) return;
  const waited = performance.now() - since;
  const pause = Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, waited * PAUSE_SHARE));
  if (waited > SPIN_MS) Atomics.wait(never, 0, 0, pause);
  setImmediate(poll);
}

async function withPauses<T>(work: Promise<T>): Promise<T> {
  pending++;
  since = performance.now();
  if (!isPolling) setImmediate(poll);
  isPolling = true;
  try {
    return await work;
  } finally {
    pending--;
  }
}

/**
 * Keeps Node from spinning while a GPU works. Call it once npm `webgpu`'s classes are globals.
 *
 * npm `webgpu` (0.6) polls Dawn on every turn of Node's event loop, through `setImmediate`, for as long as a call is
 * pending (Dawn's `src/dawn/node/binding/AsyncRunner.cpp`, crbug.com/dawn/1127). That takes a whole core, on which a
 * software GPU would compute: DenseNet-121 on lavapipe with two cores took 319 ms, and takes 182 ms with a pause in every
 * turn. Remove this when the package waits by itself.
 */
function pauseBetweenPolls(): void {
  const { mapAsync } = GPUBuffer.prototype;
  const { onSubmittedWorkDone } = GPUQueue.prototype;
  GPUBuffer.prototype.mapAsync = function (...args) {
    return withPauses(mapAsync.apply(this, args));
  };
  GPUQueue.prototype.onSubmittedWorkDone = function () {
    return withPauses(onSubmittedWorkDone.apply(this));
  };
}
