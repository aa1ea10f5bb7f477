/** Decodes an image file in Node, by the same rules as browsers do for `src/gpu/image-source.ts`. */
import sharp from 'sharp';
import { ImageError } from '../core/errors.js';
import type { PixelData } from '../gpu/image-source.js';

/**
 * Decodes to straight RGBA with the EXIF orientation applied. Colour profiles are ignored, and of 16 bits per channel
 * the high 8 are kept.
 *
 * @throws ImageError when the file is not an image that can be decoded
 */
export async function decodeImage(path: string): Promise<PixelData> {
  try {
    const image = sharp(path, { failOn: 'error', ignoreIcc: true }).rotate().toColourspace('srgb').ensureAlpha();
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data: new Uint8Array(data), width: info.width, height: info.height };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause;
    throw new ImageError(`${path} cannot be decoded: ${why}`, { cause });
  }
}
