/** No wait without an end: what a GPU or a browser may never answer, and what a caller no longer waits for. */
import { AbortedError, TimeoutError } from './errors.js';

/**
 * The result of `work`, or a TimeoutError when it takes longer; the work itself cannot be stopped.
 *
 * @param who begins the sentence "… did not answer"
 * @param late is given what comes after all, to release it
 */
export function within<T>(ms: number, who: string, work: Promise<T>, late?: (result: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TimeoutError(who, ms));
      work.then(late, () => {});
    }, ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The result of `work`, or an AbortedError as soon as the signal fires; `late` as for {@link within}. */
export function unlessAborted<T>(
  signal: AbortSignal | undefined,
  what: string,
  work: Promise<T>,
  late?: (result: T) => void,
): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(new AbortedError(what, { cause: signal.reason }));
      work.then(late, () => {});
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
