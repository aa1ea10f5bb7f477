/**
 * Pictures to the network's input on the GPU: uploads, resizes, crops and normalises a batch in the network's own
 * command encoder.
 *
 * Sizes seen lately keep their GPU objects, so that at steady state nothing is created.
 */

import { ImageError } from '../core/errors.js';
import { planPreprocess } from '../preprocess/geometry.js';
import { channelsOf, type PreprocessSpec } from '../preprocess/spec.js';
import { type Destination, PictureSize, type ResizeKernels } from './image-resizer.js';
import type { Picture } from './image-source.js';
import type { PipelineCache } from './pipelines.js';

export type { Destination };

/** What is kept for picture sizes that no batch is using: this many sizes, this many bytes, the latest in any case. */
const KEPT_SIZES = 8;
const KEPT_BYTES = 128 * 1024 * 1024;

const ORDER = { rgb: 0, bgr: 1, grey: 2, 'grey-mean': 3 } as const;

/** The input that the pictures are for. */
export interface NetworkInput {
  readonly channels: number;
  readonly size: readonly [height: number, width: number];
}

export class Preprocessor {
  /** Least recently used first. */
  private readonly sizes = new Map<string, PictureSize>();

  private constructor(
    private readonly device: GPUDevice,
    private readonly kernels: ResizeKernels,
    private readonly spec: PreprocessSpec,
    private readonly input: NetworkInput,
  ) {}

  /** @throws ImageError when the network does not take what the specification makes; ShaderError */
  static async create(
    device: GPUDevice,
    pipelines: PipelineCache,
    spec: PreprocessSpec,
    input: NetworkInput,
  ): Promise<Preprocessor> {
    if (channelsOf(spec) !== input.channels) {
      throw new ImageError(
        `the model's preprocessing makes ${channelsOf(spec)} channels (${spec.channelOrder}), but the network takes ` +
          `${input.channels}: correct its channelOrder, or pass tensors to run()`,
      );
    }
    const [horizontal, vertical] = await Promise.all([
      pipelines.get('resize_horizontal', { tile: {}, overrides: { ORDER: ORDER[spec.channelOrder] } }),
      pipelines.get('resize_vertical', { tile: {}, overrides: {} }),
    ]);
    return new Preprocessor(device, { horizontal, vertical }, spec, input);
  }

  /** GPU bytes held for picture sizes. */
  get bytes(): number {
    return [...this.sizes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Makes sure that everything the pictures need is there. Takes the pictures over: releasing the batch closes them.
   *
   * @throws ImageError when a picture does not fit the network; OutOfMemoryError
   */
  async prepare(pictures: readonly Picture[]): Promise<PreparedBatch> {
    const batch = new PreparedBatch(pictures, (size) => this.release(size));
    try {
      for (const picture of pictures) batch.sizes.push(this.acquire(picture));
      await Promise.all(batch.sizes.map((size, i) => size.reserve(i, pictures[i]?.kind !== 'texture')));
      return batch;
    } catch (error) {
      // What may have failed to allocate is not to be found again.
      for (const [key, size] of this.sizes) if (batch.sizes.includes(size)) this.sizes.delete(key);
      batch.release();
      throw error;
    }
  }

  dispose(): void {
    for (const size of this.sizes.values()) size.destroy();
    this.sizes.clear();
  }

  private acquire({ width, height }: Picture): PictureSize {
    const { device, kernels, spec, input } = this;
    const key = `${width}×${height}`;
    const size =
      this.sizes.get(key) ?? new PictureSize(device, kernels, spec, planPreprocess(spec, width, height, input.size));
    this.sizes.delete(key);
    this.sizes.set(key, size);
    size.users++;
    return size;
  }

  /** The least recently used sizes go, unless a batch still needs them. */
  private release(size: PictureSize): void {
    size.users--;
    let [count, bytes] = [this.sizes.size, this.bytes];
    for (const [key, candidate] of this.sizes) {
      if (count === 1 || (count <= KEPT_SIZES && bytes <= KEPT_BYTES)) break;
      if (candidate.users > 0) continue;
      bytes -= candidate.bytes;
      count--;
      this.sizes.delete(key);
      candidate.destroy();
    }
    if (size.users === 0 && ![...this.sizes.values()].includes(size)) size.destroy();
  }
}

/** Pictures whose GPU objects exist. `encode` and submit in one task, then `release`, also when nothing was encoded. */
export class PreparedBatch {
  readonly sizes: PictureSize[] = [];

  constructor(
    private readonly pictures: readonly Picture[],
    private readonly releaseSize: (size: PictureSize) => void,
  ) {}

  /**
   * Uploads the pictures and records the dispatches that write image i of the network's input.
   *
   * @throws ImageError when the browser does not give out a picture's pixels; the encoder is then to be dropped
   */
  encode(pass: GPUComputePassEncoder, destination: Destination): void {
    for (const [i, picture] of this.pictures.entries()) this.sizes[i]?.encode(pass, picture, i, destination);
  }

  release(): void {
    for (const size of this.sizes.splice(0)) this.releaseSize(size);
    for (const picture of this.pictures) if (picture.kind === 'external') picture.close?.();
  }
}
