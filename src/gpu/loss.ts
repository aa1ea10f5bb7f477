/** The loss of a device: how it is told from other failures, and what is said of it. */
import { DeviceLostError, isDenseNetError } from '../errors.js';
import type { Session } from './session.js';

/** How long after a failed GPU call the news of a device loss may take. */
const NEWS_MS = 250;

/** What a failure may be called that a loss has caused; every other typed error is what it says. */
const DISGUISES = /^(OutOfMemory|Shader|Refused)Error$/;

/** Whether it was the loss of the session's device that made a call fail. */
export async function isLoss(session: Session, cause: unknown): Promise<boolean> {
  if (isDenseNetError(cause) && !DISGUISES.test(cause.name)) return false;
  if (!session.lost) {
    await Promise.race([session.device.lost, new Promise((resolve) => setTimeout(resolve, NEWS_MS))]);
  }
  return session.lost !== null;
}

/** @param when ends "the GPU device was lost" */
export function lostError(session: Session, when: string, cause?: unknown): DeviceLostError {
  const { reason = 'unknown', message = '' } = session.lost ?? {};
  const text = `the GPU device was lost${when} (${message || reason}): call again, or reload the page`;
  return new DeviceLostError(reason, text, { cause });
}
