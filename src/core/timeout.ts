/** Ends waits: for a GPU or a browser that never answers, and for a caller that no longer waits. */
import { AbortedError, TimeoutError } from './errors.js';

/**
 * The result of `work`, or a TimeoutError when it takes longer. The work itself cannot be stopped.
 *
 * @param who begins the sentence "… did not answer"
 * @param late is given a result that comes after the timeout, to release it
 */
export function withTimeout<T>(ms: number, who: string, work: Promise<T>, late?: (result: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TimeoutError(who, ms));
      work.then(late, () => {});
    }, ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The result of `work`, or an AbortedError as soon as the signal fires; `late` as for {@link withTimeout}. */
export function withAbort<T>(
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
