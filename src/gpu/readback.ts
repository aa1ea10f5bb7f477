/** Reads small results back from the GPU, through a pool of staging buffers, so that several calls can be in flight. */
import { alignUp } from '../core/align.js';
import type { Resources } from './resources.js';
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

  constructor(private readonly resources: Resources) {}

  /** Records the copies; call `read` once the encoder's work is submitted. */
  copy(encoder: GPUCommandEncoder, ranges: readonly ReadRange[]): Pending {
    if (ranges.length === 0) return { read: async () => [] };
    const total = ranges.reduce((sum, { bytes }) => sum + alignUp(bytes, 4), 0);
    const staging = this.take(total);
    let at = 0;
    for (const { buffer, offset, bytes } of ranges) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, alignUp(bytes, 4));
      at += alignUp(bytes, 4);
    }
    return { read: () => this.read(staging, ranges, total) };
  }

  /** Resolves when the GPU has done all that was submitted. */
  idle(): Promise<undefined> {
    const { queue } = this.resources.device;
    return withFirefoxNudge(queue, queue.onSubmittedWorkDone());
  }

  private take(bytes: number): GPUBuffer {
    const fitting = this.free.findIndex((buffer) => buffer.size >= bytes);
    const [reused] = fitting < 0 ? [] : this.free.splice(fitting, 1);
    if (reused) return reused;
    return this.resources.buffer('readback', alignUp(bytes, 256), USAGE.MAP_READ | USAGE.COPY_DST);
  }

  private async read(staging: GPUBuffer, ranges: readonly ReadRange[], total: number): Promise<Uint8Array[]> {
    await withFirefoxNudge(this.resources.device.queue, staging.mapAsync(MAP_MODE_READ, 0, total));
    const mapped = new Uint8Array(staging.getMappedRange(0, total));
    let at = 0;
    const results = ranges.map(({ bytes }) => {
      const result = mapped.slice(at, at + bytes);
      at += alignUp(bytes, 4);
      return result;
    });
    staging.unmap();
    this.free.push(staging);
    return results;
  }
}

/**
 * Firefox looks for finished work every 100 ms only, and whenever something is submitted (bugzilla.mozilla.org 1870699):
 * a call took 101 ms there, and takes 1.5 ms with empty submits while it waits. To go when that bug is fixed.
 */
async function withFirefoxNudge(queue: GPUQueue, work: Promise<undefined>): Promise<undefined> {
  const isFirefox = globalThis.navigator?.userAgent?.includes('Firefox');
  const timer = isFirefox ? setInterval(() => queue.submit([]), 1) : undefined;
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}
