/** Decodes image files in Node with sharp, by the same rules as browsers do for `src/gpu/image-source.ts`. */
import sharp, { type Sharp } from 'sharp';
import { ImageError } from '../core/errors.js';
import type { ImageFile } from './files.js';
import { MAX_PIXELS } from './image-header.js';
import type { DecodedImage } from './runner.js';

// Decoders of other formats stay off, whatever a file contains.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif'].map((format) => `VipsForeignLoad${format}`),
});

/**
 * Decodes to straight RGBA. Colour profiles are ignored, and of 16 bits per channel the high 8 are kept. The EXIF
 * orientation is applied, but not in WebP: Chrome and Firefox ignore it there.
 *
 * @throws ImageError when the file cannot be decoded
 */
export async function decodeImage(file: ImageFile): Promise<DecodedImage> {
  if (file.header.format === 'BMP') {
    throw new ImageError('this is BMP, which only browsers decode: convert it to PNG, or use --backend chrome');
  }
  const image = open(file).toColourspace('srgb').ensureAlpha();
  const { data, info } = await decoding(image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }));
  return { data, width: info.width, height: info.height };
}

/**
 * Decodes a 16-bit PNG to straight RGBA of 8 bits, with values from 0 to `range` spread over 0 to 255. Larger values
 * become 255.
 *
 * @throws ImageError when the file cannot be decoded
 */
export async function decodeRange(file: ImageFile, range: number): Promise<DecodedImage> {
  const { values, width, height } = await decode16(file);
  // The fourth channel is alpha, which always spans 16 bits.
  const data = Uint8Array.from(values, (value, i) =>
    i % 4 === 3 ? value >> 8 : Math.round((255 * Math.min(value, range)) / range),
  );
  return { data, width, height };
}

/** The largest value of a 16-bit PNG's colour channels. @throws ImageError when the file cannot be decoded */
export async function largestValue(file: ImageFile): Promise<number> {
  const { values } = await decode16(file);
  return values.reduce((largest, value, i) => (i % 4 === 3 ? largest : Math.max(largest, value)), 0);
}

async function decode16(file: ImageFile): Promise<{ values: Uint16Array; width: number; height: number }> {
  const image = open(file).toColourspace('rgb16').ensureAlpha();
  const { data, info } = await decoding(image.raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true }));
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return { values, width: info.width, height: info.height };
}

function open({ bytes, header }: ImageFile): Sharp {
  const image = sharp(bytes, { failOn: 'error', ignoreIcc: true, limitInputPixels: MAX_PIXELS });
  return header.format === 'WebP' ? image : image.rotate();
}

async function decoding<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause;
    throw new ImageError(`the image cannot be decoded: ${why}`, { cause });
  }
}
