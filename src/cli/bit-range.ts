/** 16-bit PNGs that use fewer bits: `--range`, and the warning without it. */
import { missingPackage } from './command.js';
import type { ImageFile } from './files.js';
import type { DecodedImage } from './runner.js';
import { note } from './terminal.js';

/** The largest value of 16 bits. */
export const FULL_RANGE = 2 ** 16 - 1;
/** Brighter 16-bit images are taken to use all bits. */
const SUSPICIOUS_RANGE = 2 ** 14;

/**
 * The pixels of a 16-bit PNG with `--range` applied; null where the runner decodes the file as it is. Decoders keep the
 * high 8 of 16 bits, which leaves 4 bits of 12-bit data, so an image whose largest value is small is warned of.
 */
export async function withRange(file: ImageFile, range: number | null): Promise<DecodedImage | null> {
  const { path, header } = file;
  if (header.depth !== 16) {
    if (range !== null) note(`${path}: --range is not used, because this is not a 16-bit PNG.`);
    return null;
  }
  if (range === FULL_RANGE) return null;
  try {
    const { decodeRange, largestValue } = await import('./decode-image.js');
    if (range !== null) return await decodeRange(file, range);
    const largest = await largestValue(file);
    if (largest < SUSPICIOUS_RANGE) note(`${path}: ${describeRange(largest)}`);
  } catch (error) {
    const missing = missingPackage(error);
    if (missing === null || range !== null) throw error;
    note(`${path}: 16 bits per value, of which 8 are used. To check that no more are needed: npm install ${missing}`);
  }
  return null;
}

function describeRange(largest: number): string {
  const bits = Math.max(8, Math.ceil(Math.log2(largest + 1)));
  const kept = Math.max(0, bits - 8);
  return (
    `warning: 16 bits per value, but the largest value is ${largest}. If this is ${bits}-bit data, only ${kept} bits of it ` +
    `are used: pass --range ${2 ** bits - 1}. If it is a dark image, pass --range ${FULL_RANGE}.`
  );
}
