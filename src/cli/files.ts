/** The package's own files, and the image files that a command's arguments name. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageError } from '../core/errors.js';
import { detectImage, type ImageHeader, readImageHeader, SIGNATURE_BYTES } from './image-header.js';

/** The package's root; `src/cli` and the bundles in `dist/cli` are as deep. */
export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
export const DEFAULT_MODEL = join(PACKAGE, 'weights/default.safetensors');
export const SAMPLES = join(PACKAGE, 'demo/samples');

/** One image to classify, or an argument that names none. */
export interface ImageArgument {
  readonly path: string;
  /** Why there is no image at this path, and what to do. */
  readonly error?: string;
}

/**
 * Image files by the names given. A folder stands for the images in it, told by their content, and a pattern
 * (`shots/*.png`, where the shell left it alone) for the files that match, both in order of name. No names stand for the
 * bundled samples.
 */
export function imageFiles(names: readonly string[]): ImageArgument[] {
  const list = names.length > 0 ? names : [SAMPLES];
  return list.flatMap((name) => {
    if (!existsSync(name) && /[*?]/.test(basename(name)))
      return orError(name, matchingFiles(name), 'no file matches it');
    if (!existsSync(name)) return { path: name, error: 'there is no such file: check the path' };
    return statSync(name).isDirectory()
      ? orError(name, imagesIn(name), 'there are no images in this folder')
      : { path: name };
  });
}

function orError(name: string, paths: readonly string[], error: string): ImageArgument[] {
  return paths.length > 0 ? paths.map((path) => ({ path })) : [{ path: name, error }];
}

function filesIn(folder: string): string[] {
  const paths = readdirSync(folder)
    .sort()
    .map((file) => join(folder, file));
  return paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/** Also those of a kind that is not classified, so that they are not passed over in silence. */
function imagesIn(folder: string): string[] {
  return filesIn(folder).filter((path) => detectImage(firstBytes(path)) !== null);
}

/** `*` and `?` work in the last part of the path only. */
function matchingFiles(pattern: string): string[] {
  const escaped = basename(pattern).replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  const shape = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  const folder = dirname(pattern);
  return existsSync(folder) ? filesIn(folder).filter((path) => shape.test(basename(path))) : [];
}

/** Empty for a file that cannot be read. */
function firstBytes(path: string): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_BYTES);
  try {
    const file = openSync(path, 'r');
    try {
      return bytes.subarray(0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return bytes.subarray(0, 0);
  }
}

/** An image file that has not been decoded. */
export interface ImageFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly header: ImageHeader;
}

/** @throws ImageError when the file cannot be read, is not a raster image, or has too many pixels */
export function readImageFile(path: string): ImageFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`the file cannot be read: ${why}`, { cause });
  }
  return { path, bytes, header: readImageHeader(bytes) };
}
