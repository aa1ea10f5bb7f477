/** Checks a model file against its hash, as `integrity` on a script: https://www.w3.org/TR/sri/. */
import { IntegrityError, OptionError } from '../core/errors.js';
import { joinChunks, type ModelSource, type OnBytes, openSource } from './download.js';

/**
 * All bytes of a source, returned only after the last has come and the hash is right. The result is a copy, since the
 * caller could change the bytes after they were hashed.
 *
 * @param integrity `sha256-…`, `sha384-…` or `sha512-…` in base64
 * @throws IntegrityError for another hash; OptionError for an unknown form; else as `openSource`
 */
export async function readVerified(
  source: ModelSource,
  integrity: string,
  onBytes: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const [algorithm, bits] = /^sha(256|384|512)-/.exec(integrity) ?? [];
  if (!algorithm) throw new OptionError('integrity', `integrity is ${integrity}: make it sha256-…, as for scripts`);
  const opened = await openSource(source, onBytes, signal);
  const bytes = new Uint8Array(opened instanceof Uint8Array ? opened : await joinChunks(opened.chunks));
  const digest = await crypto.subtle.digest(`SHA-${bits}`, bytes);
  const found = algorithm + btoa(String.fromCharCode(...new Uint8Array(digest)));
  if (found !== integrity) throw new IntegrityError(integrity, found);
  return bytes;
}
