/**
 * The packed weights of a network on a device. Networks that were taught on its features share them; they are freed, and
 * the device with them, when the last of these networks lets go.
 */
import type { Precision } from '../kernels/machines.js';
import type { WeightRange } from '../weights/pack.js';
import { listenForLoss } from './loss.js';
import { PipelineCache } from './pipelines.js';
import { Resources } from './resources.js';
import { USAGE } from './usage.js';

export class SharedWeights {
  private holders = 0;
  private isFreed = false;
  private isLost = false;
  private readonly caches = new Map<string, PipelineCache>();

  private constructor(
    private readonly resources: Resources,
    readonly buffer: GPUBuffer,
    private readonly packed: ArrayBuffer,
    private readonly ownsDevice: boolean,
  ) {
    const loss = listenForLoss(resources.device, () => {
      this.isLost = true;
    });
    this.stopListening = () => {
      loss.onLost = null;
    };
  }

  private readonly stopListening: () => void;

  /** With room for the weights, which {@link upload} brings. @throws OutOfMemoryError */
  static async create(device: GPUDevice, packed: ArrayBuffer, ownsDevice: boolean): Promise<SharedWeights> {
    const resources = new Resources(device);
    const usage = USAGE.STORAGE | USAGE.COPY_DST;
    const { made, ready } = resources.allocate(() => resources.buffer('weights', packed.byteLength, usage));
    await ready;
    return new SharedWeights(resources, made, packed, ownsDevice);
  }

  get device(): GPUDevice {
    return this.resources.device;
  }

  /** Whether another network can use them. */
  get isAlive(): boolean {
    return !this.isFreed && !this.isLost;
  }

  /** Compiled kernels, which all networks on this device share. */
  pipelines(precision: Precision): PipelineCache {
    const key = `${precision.activations} ${precision.weights}`;
    const cache = this.caches.get(key) ?? new PipelineCache(this.device, precision);
    this.caches.set(key, cache);
    return cache;
  }

  /** Packed weights to the GPU; all of them, or a range that has just been packed. */
  upload({ offset, bytes }: WeightRange = { offset: 0, bytes: this.buffer.size }): void {
    if (!this.isFreed) this.device.queue.writeBuffer(this.buffer, offset, this.packed, offset, bytes);
  }

  /** For one more network, which must {@link release} them. */
  hold(): this {
    this.holders++;
    return this;
  }

  release(): void {
    if (--this.holders > 0 || this.isFreed) return;
    this.isFreed = true;
    this.stopListening();
    this.resources.destroy();
    if (this.ownsDevice) this.device.destroy();
  }
}
