/** Small results from the GPU: a pool of mapped staging buffers, so that several calls can be in flight. */
import { alignUp } from '../core/align.js';
import { MAP_MODE_READ, USAGE } from './usage.js';

/** A range of an arena bank to bring back. */
export interface ReadRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

interface Pending {
  /** After the submit: the ranges' bytes, one array each. */
  readonly read: () => Promise<Uint8Array[]>;
}

export class Readback {
  private readonly free: GPUBuffer[] = [];
  private readonly all = new Set<GPUBuffer>();
  private disposed = false;

  constructor(private readonly device: GPUDevice) {}

  get bytes(): number {
    return [...this.all].reduce((sum, buffer) => sum + buffer.size, 0);
  }

  /** Records the copies; call `read` once the encoder's work is submitted. */
  copy(encoder: GPUCommandEncoder, ranges: readonly ReadRange[]): Pending {
    const total = ranges.reduce((sum, { bytes }) => sum + alignUp(bytes, 4), 0);
    const staging = this.take(total);
    let at = 0;
    for (const { buffer, offset, bytes } of ranges) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, alignUp(bytes, 4));
      at += alignUp(bytes, 4);
    }
    return { read: () => this.read(staging, ranges, total) };
  }

  dispose(): void {
    this.disposed = true;
    for (const buffer of this.all) buffer.destroy();
    this.all.clear();
    this.free.length = 0;
  }

  private take(bytes: number): GPUBuffer {
    const fitting = this.free.findIndex((buffer) => buffer.size >= bytes);
    const [reused] = fitting < 0 ? [] : this.free.splice(fitting, 1);
    if (reused) return reused;
    const size = alignUp(bytes, 256);
    const buffer = this.device.createBuffer({ label: 'readback', size, usage: USAGE.MAP_READ | USAGE.COPY_DST });
    this.all.add(buffer);
    return buffer;
  }

  private async read(staging: GPUBuffer, ranges: readonly ReadRange[], total: number): Promise<Uint8Array[]> {
    await nudged(this.device.queue, staging.mapAsync(MAP_MODE_READ, 0, total));
    const mapped = new Uint8Array(staging.getMappedRange(0, total));
    let at = 0;
    const results = ranges.map(({ bytes }) => {
      const result = mapped.slice(at, at + bytes);
      at += alignUp(bytes, 4);
      return result;
    });
    staging.unmap();
    if (!this.disposed) this.free.push(staging);
    return results;
  }
}

/**
 * Firefox looks for finished work every 100 ms only, and whenever something is submitted (bugzilla.mozilla.org 1870699):
 * a call took 101 ms there, and takes 1.5 ms with empty submits while it waits. To go when that bug is fixed.
 */
async function nudged(queue: GPUQueue, mapping: Promise<undefined>): Promise<void> {
  const isFirefox = globalThis.navigator?.userAgent?.includes('Firefox');
  const timer = isFirefox ? setInterval(() => queue.submit([]), 1) : undefined;
  try {
    await mapping;
  } finally {
    clearInterval(timer);
  }
}
