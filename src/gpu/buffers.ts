/** Allocation that either gives everything or gives nothing back and says what was too much. */
import { OutOfMemoryError } from '../core/errors.js';

/** Makes one buffer of an allocation; usage as in `usage.ts`. */
export type MakeBuffer = (label: string, size: number, usage: number) => GPUBuffer;
/** Makes a new texture part of an allocation. */
export type OwnTexture = (texture: GPUTexture, bytes: number) => GPUTexture;

/**
 * What `make` makes of new buffers and textures, all of them or none.
 *
 * @throws OutOfMemoryError when the GPU refuses; everything that this call had allocated is destroyed then
 */
export async function allocate<T>(device: GPUDevice, make: (buffer: MakeBuffer, own: OwnTexture) => T): Promise<T> {
  const parts: (GPUBuffer | GPUTexture)[] = [];
  let needed = 0;
  const own = <Part extends GPUBuffer | GPUTexture>(part: Part, bytes: number): Part => {
    parts.push(part);
    needed += bytes;
    return part;
  };
  device.pushErrorScope('out-of-memory');
  const made = make((label, size, usage) => own(device.createBuffer({ label, size, usage }), size), own);
  const cause = await device.popErrorScope();
  if (!cause) return made;
  for (const part of parts) part.destroy();
  const labels = new Set(parts.map(({ label }) => label));
  throw new OutOfMemoryError([...labels].join(' and '), needed, { cause });
}
