/** Buffer allocation that either gives everything or gives nothing back and says what was too much. */
import { LimitError, OutOfMemoryError } from '../errors.js';

export interface BufferRequest {
  readonly label: string;
  readonly size: number;
  readonly usage: number;
}

/**
 * All the buffers, in order, or none.
 *
 * @throws LimitError when one exceeds the device's limits; OutOfMemoryError when the GPU refuses; either way everything
 * that this call had allocated is destroyed
 */
export async function allocate(device: GPUDevice, requests: readonly BufferRequest[]): Promise<GPUBuffer[]> {
  for (const { label, size } of requests) checkLimit(device, 'maxBufferSize', size, `the ${label} is`);
  device.pushErrorScope('out-of-memory');
  const buffers = requests.map((request) => device.createBuffer(request));
  const error = await device.popErrorScope();
  if (!error) return buffers;
  for (const buffer of buffers) buffer.destroy();
  const total = requests.reduce((sum, { size }) => sum + size, 0);
  throw new OutOfMemoryError(requests.map(({ label }) => label).join(' and '), total, { cause: error });
}

/** @throws LimitError when `needed` bytes are more than the device's limit allows; `what` begins the repair */
export function checkLimit(
  device: GPUDevice,
  limit: 'maxBufferSize' | 'maxStorageBufferBindingSize',
  needed: number,
  what: string,
): void {
  const offered = device.limits[limit];
  if (needed > offered) throw new LimitError(limit, needed, offered, `${what} too large; use a smaller batch or input`);
}
