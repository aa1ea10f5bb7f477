/** Weights that are what they should be, by their hash, as `integrity` on a script: https://www.w3.org/TR/sri/. */
import { type ModelSource, type OnBytes, readSource } from './download.js';
import { IntegrityError, OptionError } from './errors.js';

/**
 * All of a source's bytes, none of which is used before the last has come and the hash is right.
 *
 * @throws IntegrityError for another hash; OptionError for one of no known form; else as `readSource`
 */
export async function readVerified(
  source: ModelSource,
  integrity: string,
  onBytes: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const [algorithm, bits] = /^sha(256|384|512)-/.exec(integrity) ?? [];
  if (!algorithm) throw new OptionError('integrity', `integrity is ${integrity}: make it sha256-…, as for scripts`);
  // A copy, since the caller could change the bytes after they were checked.
  const bytes = new Uint8Array(await readSource(source, onBytes, signal));
  const digest = await crypto.subtle.digest(`SHA-${bits}`, bytes);
  const found = algorithm + btoa(String.fromCharCode(...new Uint8Array(digest)));
  if (found !== integrity) throw new IntegrityError(integrity, found);
  return bytes;
}
