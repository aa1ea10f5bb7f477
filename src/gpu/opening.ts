/** From an adapter, or the caller's device, to a session. Networks that share weights share the device that holds them. */
import { withTimeout } from '../core/timeout.js';
import type { Size } from '../model/layers.js';
import { requestAdapter, requestDevice } from './device.js';
import { limitsFor, planWithin } from './limits.js';
import { Session, type SessionOptions } from './session.js';
import { SharedWeights } from './shared-weights.js';

export interface DeviceOptions {
  readonly gpu: GPU | undefined;
  /** The caller's device; used as it is and never replaced. */
  readonly device: GPUDevice | undefined;
  /** What a device that is asked for must have room for. */
  readonly batch: number;
  readonly inputSize: Size;
  /** Milliseconds that any one wait may take. */
  readonly timeout: number;
}

export interface OpeningOptions extends SessionOptions, DeviceOptions {
  /** Shared by all networks on the same weights. */
  readonly opener: DeviceOpener;
}

/** Opens the device with the weights: once for all networks that share them, and again after its loss. */
export class DeviceOpener {
  private opening: Promise<SharedWeights> | null = null;
  private isFirst = true;

  /** @param packed filled later for the first device, which is to be uploaded to in ranges; others get all of it at once */
  constructor(private readonly packed: ArrayBuffer) {}

  /** @returns held for the caller, who releases it @throws as {@link openSession} */
  async acquire(options: OpeningOptions): Promise<SharedWeights> {
    const known = this.opening;
    const weights = await known?.catch(() => null);
    if (weights?.isAlive) return weights.hold();
    // Unless another network opened it anew while this one waited.
    if (this.opening === known || !this.opening) this.opening = this.open(options);
    return (await this.opening).hold();
  }

  private async open(options: OpeningOptions): Promise<SharedWeights> {
    const { timeout } = options;
    const ownsDevice = options.device === undefined;
    const closeDevice = (device: GPUDevice) => ownsDevice && device.destroy();
    const device = await withTimeout(timeout, 'the GPU', openDevice(options), closeDevice);
    try {
      const creating = SharedWeights.create(device, this.packed, ownsDevice);
      const weights = await withTimeout(timeout, 'the GPU', creating, (late) => late.hold().release());
      if (!this.isFirst) weights.upload();
      this.isFirst = false;
      return weights;
    } catch (error) {
      closeDevice(device);
      throw error;
    }
  }
}

/** @throws WebGPUUnavailableError, LimitError, TensorShapeError, OutOfMemoryError, TimeoutError; nothing stays allocated */
export async function openSession(options: OpeningOptions): Promise<Session> {
  const weights = await options.opener.acquire(options);
  const creating = Session.create(weights, options);
  return withTimeout(options.timeout, 'the GPU', creating, (late) => late.dispose());
}

async function openDevice(options: OpeningOptions): Promise<GPUDevice> {
  const { batch, inputSize, precision, config, weightLayout, device, gpu } = options;
  // Tiles, which the adapter's features choose, change no sizes.
  const planOptions = { batch, inputSize, ...precision, caps: { subgroup: null } };
  const planOn = ({ limits }: GPUAdapter | GPUDevice) => planWithin(limits, config, weightLayout, planOptions);
  if (device) {
    planOn(device);
    return device;
  }
  const adapter = await requestAdapter(gpu);
  return requestDevice(adapter, limitsFor(planOn(adapter), weightLayout));
}
