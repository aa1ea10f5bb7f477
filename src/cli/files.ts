/** Files that commands name: models by path or URL, pictures by path or folder, and where the package keeps its own. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImageError, ModelFormatError } from '../core/errors.js';
import { readSource } from '../runtime/download.js';
import { isHubId } from '../runtime/hub.js';

/** The package's root; `src/cli` and the bundles in `dist/cli` are as deep. */
export const PACKAGE = fileURLToPath(new URL('../../', import.meta.url));
export const DEFAULT_MODEL = join(PACKAGE, 'weights/default.safetensors');
export const SAMPLES = join(PACKAGE, 'demo/samples');

const PICTURES = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.avif']);

export const isUrl = (name: string): boolean => /^https?:\/\//.test(name);

/** @throws ModelFormatError when there is no such file; DownloadError for a URL or an `hf:` id */
export async function readModelBytes(name: string): Promise<Uint8Array> {
  if (isHubId(name)) {
    const { readHubModel } = await import('./hub-model.js');
    return readHubModel(name);
  }
  if (isUrl(name)) return readSource(name, () => undefined);
  if (!existsSync(name) || !statSync(name).isFile()) {
    throw new ModelFormatError(`there is no file ${name}: check the path`, { format: 'file' });
  }
  return new Uint8Array(readFileSync(name));
}

/** Reads what a model names beside it: files in its folder, or below its URL. */
export function besideOf(model: string): (path: string) => Promise<Uint8Array> {
  return (path) => readModelBytes(isUrl(model) ? new URL(path, model).href : join(dirname(model), path));
}

/**
 * Folders become the pictures in them, and patterns (`shots/*.png`, for shells that leave them alone) the files that
 * match, in order of name; no names mean the bundled samples.
 *
 * @throws ImageError when a folder or a pattern has none
 */
export function pictureFiles(names: readonly string[]): string[] {
  const list = names.length > 0 ? names : [SAMPLES];
  return list.flatMap((name) => {
    if (!existsSync(name)) return /[*?]/.test(basename(name)) ? matching(name) : [name];
    if (!statSync(name).isDirectory()) return [name];
    const found = readdirSync(name).filter((file) => PICTURES.has(extname(file).toLowerCase()));
    if (found.length === 0) throw new ImageError(`there are no pictures in the folder ${name}`);
    return found.sort().map((file) => join(name, file));
  });
}

/** `*` and `?` in the last part of the path only. */
function matching(pattern: string): string[] {
  const escaped = basename(pattern).replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  const shape = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  const folder = dirname(pattern);
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => shape.test(file)) : [];
  if (found.length === 0) throw new ImageError(`no file matches ${pattern}`);
  return found.sort().map((file) => join(folder, file));
}
