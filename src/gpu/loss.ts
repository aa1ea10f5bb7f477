/** The loss of a device: how it is told from other failures, and what is said of it. */
import { DeviceLostError, isDenseNetError } from '../core/errors.js';

/** How long after a failed GPU call the device's loss may be reported. */
const LOSS_GRACE_MS = 250;
const LOSS_POLL_MS = 10;

/** Errors that a loss may show itself as; every other typed error is what it says. */
const SYMPTOMS = /^(OutOfMemory|Shader|Refused)Error$/;

/** What a session knows of its device's loss. */
interface LossState {
  readonly lost: GPUDeviceLostInfo | null;
}

/** Whether it was the loss of the session's device that made a call fail. */
export async function isLoss(session: LossState, cause: unknown): Promise<boolean> {
  if (isDenseNetError(cause) && !SYMPTOMS.test(cause.name)) return false;
  for (let waited = 0; !session.lost && waited < LOSS_GRACE_MS; waited += LOSS_POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOSS_POLL_MS));
  }
  return session.lost !== null;
}

/** Callback for device loss; set it to null to unsubscribe. */
export interface LossListener {
  onLost: ((info: GPUDeviceLostInfo) => void) | null;
}

/**
 * Calls `onLost` when the device is lost.
 *
 * A promise that stays open keeps alive what waits for it, closures with their whole scope included. A device can outlive
 * its networks, so this waits with a bound function and a small object that keep nothing of them.
 */
export function listenForLoss(device: GPUDevice, onLost: (info: GPUDeviceLostInfo) => void): LossListener {
  const listener: LossListener = { onLost };
  device.lost.then(notify.bind(null, listener));
  return listener;
}

function notify(listener: LossListener, info: GPUDeviceLostInfo): void {
  listener.onLost?.(info);
}

/** @param when ends "the GPU device was lost" */
export function lostError(session: LossState, when: string, cause?: unknown): DeviceLostError {
  const { reason = 'unknown', message = '' } = session.lost ?? {};
  const text = `the GPU device was lost${when} (${message || reason}): call again, or reload the page`;
  return new DeviceLostError(reason, text, { cause });
}
