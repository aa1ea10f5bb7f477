/** Allocation that either gives everything or gives nothing back and says what was too much. */
import { OutOfMemoryError } from '../core/errors.js';

/** Makes one buffer of an allocation; usage as in `usage.ts`. */
export type MakeBuffer = (label: string, size: number, usage: number) => GPUBuffer;
/**
 * What `make` makes of new buffers, all of them or none.
 *
 * @throws OutOfMemoryError when the GPU refuses; everything that this call had allocated is destroyed then
 */
export async function allocate<T>(device: GPUDevice, make: (buffer: MakeBuffer) => T): Promise<T> {
  const buffers: GPUBuffer[] = [];
  const needed = () => buffers.reduce((sum, { size }) => sum + size, 0);
  device.pushErrorScope('out-of-memory');
  const made = make((label, size, usage) => {
    const buffer = device.createBuffer({ label, size, usage });
    buffers.push(buffer);
    return buffer;
  });
  const cause = await device.popErrorScope();
  if (!cause) return made;
  for (const buffer of buffers) buffer.destroy();
  throw new OutOfMemoryError(buffers.map(({ label }) => label).join(' and '), needed(), { cause });
}
