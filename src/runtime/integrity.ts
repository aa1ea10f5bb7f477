/** Weights that are what they should be, by their hash, as `integrity` on a script: https://www.w3.org/TR/sri/. */

import { IntegrityError, OptionError } from '../core/errors.js';
import { apart } from './apart.js';
import { type ModelSource, type OnBytes, openSource } from './download.js';

/**
 * All of a source's bytes, none of which is used before the last has come and the hash is right.
 *
 * @throws IntegrityError for another hash; OptionError for one of no known form; else as `openSource`
 */
export async function readVerified(
  source: ModelSource,
  integrity: string,
  onBytes: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const file = await apart('densenet-webgpu-hashed.js', 'integrity', import('./hashed.js'), signal);
  const read = await file.readHashed(() => openSource(source, onBytes, signal), integrity);
  if (!read) throw new OptionError('integrity', `integrity is ${integrity}: make it sha256-…, as for scripts`);
  if (read.hash !== integrity) throw new IntegrityError(integrity, read.hash);
  return read.bytes;
}
