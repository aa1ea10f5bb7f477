/** The packed weights on the GPU: a buffer, of which a kernel binds its tensor. Software has those of convolutions apart. */
import { present } from '../core/assert.js';
import type { NetworkPlan } from '../plan/network.js';
import type { Step } from '../plan/step.js';
import type { WeightLayout, WeightRange } from '../weights/pack.js';
import { allocate } from './buffers.js';
import { USAGE } from './usage.js';

export interface GpuWeights {
  /** GPU bytes. */
  readonly bytes: number;
  /** The weights of convolutions are texels of a texture, uploaded all at once, without a range. */
  readonly areTexels?: boolean;
  /** Packed weights; all of them, or a range. */
  upload(queue: GPUQueue, packed: ArrayBuffer, range?: WeightRange): void;
  /** What a kernel binds for a tensor. */
  resource(name: string): GPUBindingResource;
  /** What a step's kernel has ahead of its parameters. */
  lead(plan: NetworkPlan, step: Step): Uint8Array;
  destroy(): void;
}

export class BufferedWeights implements GpuWeights {
  constructor(
    private readonly layout: WeightLayout,
    private readonly buffer: GPUBuffer,
    /** Where in the packed weights the buffer's begin. */
    private readonly from = 0,
  ) {}

  /** With room for them. @throws OutOfMemoryError */
  static create(device: GPUDevice, layout: WeightLayout): Promise<GpuWeights> {
    return allocate(
      device,
      (buffer) => new BufferedWeights(layout, buffer('weights', layout.bytes, USAGE.STORAGE | USAGE.COPY_DST)),
    );
  }

  get bytes(): number {
    return this.buffer.size;
  }

  upload(queue: GPUQueue, packed: ArrayBuffer, range?: WeightRange): void {
    const { offset, bytes } = range ?? { offset: this.from, bytes: this.bytes };
    if (offset >= this.from) queue.writeBuffer(this.buffer, offset - this.from, packed, offset, bytes);
  }

  resource(name: string): GPUBindingResource {
    const { offset, bytes } = present(this.layout.ranges.get(name), name);
    return { buffer: this.buffer, offset: offset - this.from, size: bytes };
  }

  lead(): Uint8Array {
    return new Uint8Array();
  }

  destroy(): void {
    this.buffer.destroy();
  }
}
