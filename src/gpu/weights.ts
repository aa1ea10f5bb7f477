/**
 * The packed weights on the GPU: a buffer, of which a kernel binds its tensor; for software with those of the
 * convolutions apart, as the texels of a texture.
 */
import { present } from '../defect.js';
import { ROW_TEXELS, type WeightLayout, type WeightRange } from '../weights/pack.js';
import { allocate } from './buffers.js';
import { traitsOf } from './device.js';
import { TEXTURE_USAGE, USAGE } from './usage.js';

export class GpuWeights {
  private readonly view: GPUTextureView | undefined;
  /** Where in the packed weights the buffer's begin. */
  private readonly split: number;

  private constructor(
    private readonly layout: WeightLayout,
    private readonly buffer: GPUBuffer,
    /** Of the convolutions' weights, where they are texels. */
    readonly texture: GPUTexture | null,
  ) {
    this.view = texture?.createView();
    this.split = texture ? layout.kernelBytes : 0;
  }

  /** With room for them. @throws OutOfMemoryError */
  static async create(device: GPUDevice, layout: WeightLayout): Promise<GpuWeights> {
    const { bytes, kernelBytes, precision } = layout;
    const label = 'weights';
    const rows = kernelBytes / ROW_TEXELS / texelBytes(layout);
    const usage = TEXTURE_USAGE.TEXTURE_BINDING | TEXTURE_USAGE.COPY_DST;
    const format = precision === 'f16' ? 'rg32uint' : 'rgba32float';
    const isTexture = traitsOf(device).isFallback && rows <= device.limits.maxTextureDimension2D;
    return allocate(device, (buffer, own) => {
      const texture = isTexture
        ? own(device.createTexture({ label, size: [ROW_TEXELS, rows], format, usage }), kernelBytes)
        : null;
      const rest = bytes - (texture ? kernelBytes : 0);
      return new GpuWeights(layout, buffer(label, rest, USAGE.STORAGE | USAGE.COPY_DST), texture);
    });
  }

  /** GPU bytes. */
  get bytes(): number {
    return this.split + this.buffer.size;
  }

  /** A range of packed weights, but for texels, which are uploaded with all the others: without a range. */
  upload(queue: GPUQueue, packed: ArrayBuffer, range?: WeightRange): void {
    const { layout, texture, split } = this;
    if (texture && !range) {
      const bytesPerRow = ROW_TEXELS * texelBytes(layout);
      queue.writeTexture({ texture }, packed, { bytesPerRow }, [texture.width, texture.height]);
    }
    const { offset, bytes } = range ?? { offset: split, bytes: layout.bytes - split };
    if (offset >= split) queue.writeBuffer(this.buffer, offset - split, packed, offset, bytes);
  }

  /** What a kernel binds for a tensor. */
  resource(name: string): GPUBindingResource {
    const { offset, bytes } = this.rangeOf(name);
    return this.view && offset < this.split
      ? this.view
      : { buffer: this.buffer, offset: offset - this.split, size: bytes };
  }

  /** The texel that a tensor begins with, if it is of texels. */
  firstTexel(name: string): number {
    return this.rangeOf(name).offset / texelBytes(this.layout);
  }

  destroy(): void {
    this.buffer.destroy();
    this.texture?.destroy();
  }

  private rangeOf(name: string): WeightRange {
    return present(this.layout.ranges.get(name), name);
  }
}

/** Bytes of a weight quad. */
const texelBytes = ({ precision }: WeightLayout): number => (precision === 'f16' ? 8 : 16);
