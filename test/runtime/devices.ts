/** Devices that the tests of one file share: on a device that has run a network, the next one compiles little. */
import { afterAll } from 'vitest';
import { dawnGpu, type VulkanDriver } from '../../src/cli/dawn.js';
import { CountingGpu, type CountingOptions } from './counting.js';

const devices = new Map<string, Promise<GPUDevice>>();

afterAll(async () => {
  for (const device of devices.values()) (await device).destroy();
});

/** A counted device with these features, the same at every call. For `DenseNet.load({ device })`. */
export function sharedDevice(driver: VulkanDriver, options: CountingOptions = { features: [] }): Promise<GPUDevice> {
  const key = JSON.stringify([driver, options]);
  const device = devices.get(key) ?? open(driver, options);
  devices.set(key, device);
  return device;
}

async function open(driver: VulkanDriver, options: CountingOptions): Promise<GPUDevice> {
  return new CountingGpu(await dawnGpu(driver), options).open(options.features);
}
