/** The package's own files, and the image files that a command's arguments name. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageError } from '../core/errors.js';

/** The package's root; `src/cli` and the bundles in `dist/cli` are as deep. */
export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
export const DEFAULT_MODEL = join(PACKAGE, 'weights/default.safetensors');
export const SAMPLES = join(PACKAGE, 'demo/samples');

const IMAGE_ENDINGS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.avif']);

/**
 * Image files by the names given. A folder stands for the images in it, and a pattern (`shots/*.png`, where the shell
 * left it alone) for the files that match, both in order of name. No names stand for the bundled samples.
 *
 * @throws ImageError when a folder or a pattern has none
 */
export function imageFiles(names: readonly string[]): string[] {
  const list = names.length > 0 ? names : [SAMPLES];
  return list.flatMap((name) => {
    if (!existsSync(name)) return /[*?]/.test(basename(name)) ? matchingFiles(name) : [name];
    if (!statSync(name).isDirectory()) return [name];
    const found = readdirSync(name).filter((file) => IMAGE_ENDINGS.has(extname(file).toLowerCase()));
    if (found.length === 0) throw new ImageError(`there are no pictures in the folder ${name}`);
    return found.sort().map((file) => join(name, file));
  });
}

/** `*` and `?` work in the last part of the path only. */
function matchingFiles(pattern: string): string[] {
  const escaped = basename(pattern).replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  const shape = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  const folder = dirname(pattern);
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => shape.test(file)) : [];
  if (found.length === 0) throw new ImageError(`no file matches ${pattern}`);
  return found.sort().map((file) => join(folder, file));
}
