/** Bytes and their hash: for pages a file of its own beside the library, fetched for `load(…, { integrity })`. */
import { type Download, joined } from './download.js';

/** A copy, since the caller could change the bytes after they were hashed. */
export interface Hashed {
  readonly bytes: Uint8Array;
  /** In the form of the one that it is to be compared with. */
  readonly hash: string;
}

/** Throws as `open`. @returns null, and opens nothing, where `integrity` is of no known form */
export async function readHashed(
  open: () => Promise<Uint8Array | Download>,
  integrity: string,
): Promise<Hashed | null> {
  const [algorithm, bits] = /^sha(256|384|512)-/.exec(integrity) ?? [];
  if (!algorithm) return null;
  const opened = await open();
  const bytes = new Uint8Array(opened instanceof Uint8Array ? opened : await joined(opened.chunks));
  const digest = await crypto.subtle.digest(`SHA-${bits}`, bytes);
  return { bytes, hash: algorithm + btoa(String.fromCharCode(...new Uint8Array(digest))) };
}
