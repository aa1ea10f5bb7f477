/**
 * Images → the network's input: uploads, resizes, crops and normalises a batch in the network's own command encoder.
 *
 * Sizes seen lately keep their GPU objects, so that at steady state nothing is created.
 */

import { ImageError } from '../core/errors.js';
import { planPreprocess } from '../preprocess/geometry.js';
import { channelsOf, type PreprocessSpec } from '../preprocess/spec.js';
import { type Destination, ImageResizer, type ResizeKernels } from './image-resizer.js';
import type { OpenImage } from './image-source.js';
import type { PipelineCache } from './pipelines.js';
import type { Resources } from './resources.js';

export type { Destination };

/** What is kept for image sizes that no batch is using: this many sizes, this many bytes, the latest in any case. */
const KEPT_SIZES = 8;
const KEPT_BYTES = 128 * 1024 * 1024;

const ORDER = { rgb: 0, bgr: 1, gray: 2, 'gray-mean': 3 } as const;

/** The input that the images are for. */
export interface NetworkInput {
  readonly channels: number;
  readonly size: readonly [height: number, width: number];
  /** Zeros around each image, in pixels. */
  readonly border: number;
}

export class Preprocessor {
  /** Least recently used first. */
  private readonly sizes = new Map<string, ImageResizer>();

  private constructor(
    private readonly resources: Resources,
    private readonly kernels: ResizeKernels,
    private readonly spec: PreprocessSpec,
    private readonly input: NetworkInput,
  ) {}

  /** @throws ImageError when the network does not take what the specification makes; ShaderError */
  static async create(
    resources: Resources,
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
    return new Preprocessor(resources, { horizontal, vertical }, spec, input);
  }

  /** GPU bytes held for image sizes. */
  get bytes(): number {
    return [...this.sizes.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Makes sure that everything the images need is there. Takes the images over: releasing the batch closes them.
   *
   * @throws ImageError when an image does not fit the network; OutOfMemoryError
   */
  async prepare(images: readonly OpenImage[]): Promise<PreparedBatch> {
    const batch = new PreparedBatch(images, (size) => this.release(size));
    try {
      for (const image of images) batch.sizes.push(this.acquire(image));
      await Promise.all(batch.sizes.map((size, i) => size.reserve(i, images[i]?.kind !== 'texture')));
      return batch;
    } catch (error) {
      // What may have failed to allocate is not to be found again.
      for (const [key, size] of this.sizes) if (batch.sizes.includes(size)) this.sizes.delete(key);
      batch.release();
      throw error;
    }
  }

  private acquire({ width, height }: OpenImage): ImageResizer {
    const { resources, kernels, spec, input } = this;
    const key = `${width}×${height}`;
    const size =
      this.sizes.get(key) ??
      new ImageResizer(resources, kernels, spec, planPreprocess(spec, width, height, input.size), input.border);
    this.sizes.delete(key);
    this.sizes.set(key, size);
    size.users++;
    return size;
  }

  /** The least recently used sizes go, unless a batch still needs them. */
  private release(size: ImageResizer): void {
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

/** Images whose GPU objects exist. `encode` and submit in one task, then `release`, also when nothing was encoded. */
export class PreparedBatch {
  readonly sizes: ImageResizer[] = [];

  constructor(
    private readonly images: readonly OpenImage[],
    private readonly releaseSize: (size: ImageResizer) => void,
  ) {}

  /**
   * Uploads the images and records the dispatches that write image i of the network's input.
   *
   * @throws ImageError when the browser does not give out an image's pixels; the encoder is then to be dropped
   */
  encode(pass: GPUComputePassEncoder, destination: Destination): void {
    for (const [i, image] of this.images.entries()) this.sizes[i]?.encode(pass, image, i, destination);
  }

  release(): void {
    for (const size of this.sizes.splice(0)) this.releaseSize(size);
    for (const image of this.images) image.close?.();
  }
}
