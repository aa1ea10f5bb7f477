/** A picture file's pixels in Node, by the rules of src/image/source.ts, which browsers follow too. */
import sharp from 'sharp';
import { ImageError } from '../core/errors.js';
import type { PixelData } from '../gpu/image-source.js';

/**
 * Straight RGBA at the orientation the picture is seen at; its colour profile ignored, of 16 bits the high 8.
 *
 * @throws ImageError when it is no picture that can be decoded
 */
export async function decodePicture(path: string): Promise<PixelData> {
  try {
    const image = sharp(path, { failOn: 'error', ignoreIcc: true }).rotate().toColourspace('srgb').ensureAlpha();
    const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return { data: new Uint8Array(data), width: info.width, height: info.height };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause;
    throw new ImageError(`${path} is no picture that can be decoded: ${why}`, { cause });
  }
}
