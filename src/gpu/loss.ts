/** The loss of a device: how it is told from other failures, and what is said of it. */
import { DeviceLostError, isDenseNetError } from '../core/errors.js';
import type { Session } from './session.js';

/** How long after a failed GPU call the news of a device loss may take. */
const NEWS_MS = 250;
const NEWS_STEP_MS = 10;

/** What a failure may be called that a loss has caused; every other typed error is what it says. */
const DISGUISES = /^(OutOfMemory|Shader|Refused)Error$/;

/** Whether it was the loss of the session's device that made a call fail. */
export async function isLoss(session: Session, cause: unknown): Promise<boolean> {
  if (isDenseNetError(cause) && !DISGUISES.test(cause.name)) return false;
  for (let waited = 0; !session.lost && waited < NEWS_MS; waited += NEWS_STEP_MS) {
    await new Promise((resolve) => setTimeout(resolve, NEWS_STEP_MS));
  }
  return session.lost !== null;
}

/** Who is told of a loss; nobody once it is null. */
export interface Watch {
  told: ((info: GPUDeviceLostInfo) => void) | null;
}

/**
 * Tells of a device's loss. A promise that stays open keeps what waits for it, closures with all that is in their scope:
 * so that a device that outlives its networks keeps nothing of them, this waits with a bound function and a small object.
 */
export function watchLoss(device: GPUDevice, told: (info: GPUDeviceLostInfo) => void): Watch {
  const watch: Watch = { told };
  device.lost.then(tell.bind(null, watch));
  return watch;
}

function tell(watch: Watch, info: GPUDeviceLostInfo): void {
  watch.told?.(info);
}

/** @param when ends "the GPU device was lost" */
export function lostError(session: Session, when: string, cause?: unknown): DeviceLostError {
  const { reason = 'unknown', message = '' } = session.lost ?? {};
  const text = `the GPU device was lost${when} (${message || reason}): call again, or reload the page`;
  return new DeviceLostError(reason, text, { cause });
}
