/** The package's own files, and image files as they are read. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageError } from '../core/errors.js';
import { type ImageHeader, readImageHeader } from './image-header.js';

/** The package's root; `src/cli` and the bundles in `dist/cli` are as deep. */
export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
export const DEFAULT_MODEL = join(PACKAGE, 'weights/default.safetensors');
export const SAMPLES = join(PACKAGE, 'demo/samples');

/** An image file that has not been decoded. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly header: ImageHeader;
}

/** @throws ImageError when the file cannot be read, is not a raster image, or has too many pixels */
export async function readImageFile(path: string): Promise<ImageFile> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`the file cannot be read: ${why}`, { cause });
  }
  return { path, bytes, header: readImageHeader(bytes) };
}
