/** What few pages need lies in files of its own beside the library, and is fetched when it is first asked for. */
import { AbortedError, DownloadError } from '../core/errors.js';

/**
 * Something of a file apart.
 *
 * @param file its name in the package, which build.mjs gives it
 * @param what needs it
 * @throws DownloadError when the file is not beside the library; AbortedError
 */
export async function apart<T>(file: string, what: string, fetched: Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await fetched;
  } catch (cause) {
    if (signal?.aborted) throw new AbortedError(what, { cause });
    throw new DownloadError(file, null, `${what} needs ${file}: serve it beside the library`, { cause });
  }
}

/** An error's message, then what else it tells. */
type Explanation = readonly [message: string, ...facts: string[]];

/** What is wrong, by the file that has the words for it. Without that file an error is as it is, but for its words. */
export async function explained(
  say: (words: typeof import('./explanations.js')) => Explanation | Promise<Explanation>,
): Promise<Explanation> {
  const words = await import('./explanations.js').catch(() => null);
  return words ? say(words) : ['densenet-webgpu-explanations.js says why: serve it beside the library'];
}
