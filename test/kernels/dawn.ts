/**
 * A real WebGPU in Node for the tests: Dawn (npm `webgpu`) over a software Vulkan driver, or over the system's own
 * Metal or Direct3D where there is no choice of driver.
 *
 * The Vulkan loader reads its environment when an instance is made, so several drivers can be used in one process, one
 * after another; tests must run in processes, not in worker threads, whose environment the loader does not see.
 */
import { dawnGpu, findDriver, type VulkanDriver } from '../../src/cli/dawn.js';

export interface Dawn {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
}

/** Whether the driver is there; tests that need it say so when they skip. */
export function hasDriver(kind: VulkanDriver): boolean {
  return process.platform !== 'linux' || findDriver(kind) !== null;
}

/**
 * A fresh device with the default limits (or those asked for) on the named software driver.
 *
 * @throws Error when the driver is not installed, naming the package that brings it
 */
export async function dawn(
  kind: VulkanDriver,
  features: readonly GPUFeatureName[] = [],
  requiredLimits: Record<string, number> = {},
): Promise<Dawn> {
  const gpu = await dawnGpu(kind);
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error(`Dawn offers no adapter on ${kind}`);
  const device = await adapter.requestDevice({ requiredFeatures: [...features], requiredLimits });
  return { gpu, adapter, device };
}

const SCOPES = ['validation', 'out-of-memory', 'internal'] as const;

/**
 * Runs one test on its own device, inside error scopes.
 *
 * Fails on any captured or uncaptured GPU error and on the loss of the device, also when the test itself was content;
 * the device is destroyed afterwards.
 */
export async function withDevice<T>(
  kind: VulkanDriver,
  test: (context: Dawn) => Promise<T> | T,
  options: { readonly features?: readonly GPUFeatureName[]; readonly limits?: Record<string, number> } = {},
): Promise<T> {
  const context = await dawn(kind, options.features, options.limits);
  const { device } = context;
  const problems: string[] = [];
  let finished = false;
  device.addEventListener('uncapturederror', (event) => problems.push(`uncaptured: ${event.error.message}`));
  device.lost.then((info) => finished || problems.push(`device lost (${info.reason}): ${info.message}`));
  for (const scope of SCOPES) device.pushErrorScope(scope);
  try {
    const outcome = await settle(() => test(context));
    for (const scope of [...SCOPES].reverse()) {
      const error = await device.popErrorScope();
      if (error) problems.push(`${scope}: ${error.message}`);
    }
    await device.queue.onSubmittedWorkDone();
    // What the GPU said is the likelier cause, so it goes first and the test's own failure becomes the cause.
    if (problems.length > 0) throw new Error(`the GPU reported:\n${problems.join('\n')}`, { cause: outcome.failure });
    if ('failure' in outcome) throw outcome.failure;
    return outcome.result;
  } finally {
    finished = true;
    device.destroy();
  }
}

type Outcome<T> = { readonly result: T; readonly failure?: never } | { readonly failure: unknown };

async function settle<T>(test: () => Promise<T> | T): Promise<Outcome<T>> {
  try {
    return { result: await test() };
  } catch (failure) {
    return { failure };
  }
}
