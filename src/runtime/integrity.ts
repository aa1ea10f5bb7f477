/** Checks a model file against its hash, as `integrity` on a script: https://www.w3.org/TR/sri/. */
import { IntegrityError, OptionError } from '../core/errors.js';
import { type ModelSource, type OnBytes, readSource } from './download.js';

/**
 * All bytes of a source, returned only after the last has come and the hash is right. The result is a copy, since the
 * caller could change the bytes after they were hashed.
 *
 * @param integrity one or more of `sha256-…`, `sha384-…`, `sha512-…` in base64, separated by spaces. Of several, those of
 * the strongest algorithm count, and one of them must match.
 * @throws IntegrityError for another hash; OptionError for an unknown form; else as `readSource`
 */
export async function readVerified(
  source: ModelSource,
  integrity: string,
  onBytes: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { bits, hashes } = strongest(integrity);
  const bytes = new Uint8Array(await readSource(source, onBytes, signal));
  const digest = await crypto.subtle.digest(`SHA-${bits}`, bytes);
  const found = `sha${bits}-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
  if (!hashes.includes(found)) throw new IntegrityError(hashes.join(' or '), found);
  return bytes;
}

/** @throws OptionError when an entry is no hash */
function strongest(integrity: string): { readonly bits: string; readonly hashes: readonly string[] } {
  const entries = integrity.split(/\s+/).filter((entry) => entry !== '');
  const bitsOf = (entry: string) => /^sha(256|384|512)-[\w+/]+=*$/.exec(entry)?.[1];
  if (entries.length === 0 || !entries.every(bitsOf))
    throw new OptionError(
      'integrity',
      `integrity is "${integrity}": make it sha256-… (or 384, 512) in base64, as for scripts`,
    );
  const bits = ['512', '384', '256'].find((size) => entries.some((entry) => bitsOf(entry) === size)) ?? '';
  return { bits, hashes: entries.filter((entry) => bitsOf(entry) === bits) };
}
