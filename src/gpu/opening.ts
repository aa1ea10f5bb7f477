/** From an adapter, or the caller's device, to a session with its weights uploaded. */
import { withTimeout } from '../core/timeout.js';
import type { Size } from '../model/layers.js';
import { requestAdapter, requestDevice } from './device.js';
import { limitsFor, planWithin } from './limits.js';
import { Session, type SessionOptions } from './session.js';

export interface OpeningOptions extends SessionOptions {
  readonly gpu: GPU | undefined;
  /** The caller's device; used as it is and never replaced. */
  readonly device: GPUDevice | undefined;
  /** What a device that is asked for must have room for. */
  readonly batch: number;
  readonly inputSize: Size;
  /** Milliseconds that any one wait may take. */
  readonly timeout: number;
}

/** @throws WebGPUUnavailableError, LimitError, TensorShapeError, OutOfMemoryError, TimeoutError; nothing stays allocated */
export async function openSession(options: OpeningOptions): Promise<Session> {
  const { timeout } = options;
  const device = await withTimeout(timeout, 'the GPU', openDevice(options), (late) => closeDevice(late, options));
  try {
    return await withTimeout(timeout, 'the GPU', Session.create(device, options), (late) => late.dispose());
  } catch (error) {
    closeDevice(device, options);
    throw error;
  }
}

/** Releases the session and, unless it is the caller's, its device. */
export function closeSession(session: Session, options: OpeningOptions): void {
  session.dispose();
  closeDevice(session.device, options);
}

function closeDevice(device: GPUDevice, options: OpeningOptions): void {
  if (device !== options.device) device.destroy();
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
