/** Files that commands name: models by path or URL, pictures by path or folder, and where the package keeps its own. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSource } from '../download.js';
import { ImageError, ModelFormatError } from '../errors.js';

/** The package's root, from the bundled `dist/cli.js`. */
export const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
export const DEFAULT_MODEL = join(PACKAGE, 'weights/default.safetensors');
export const SAMPLES = join(PACKAGE, 'demo/samples');

const PICTURES = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.bmp', '.avif']);

export const isUrl = (name: string): boolean => /^https?:\/\//.test(name);

/** @throws ModelFormatError when there is no such file; DownloadError for a URL */
export async function readModelBytes(name: string): Promise<Uint8Array> {
  if (isUrl(name)) return readSource(name, () => undefined);
  if (!existsSync(name) || !statSync(name).isFile()) {
    throw new ModelFormatError(`there is no file ${name}: check the path`, { format: 'file' });
  }
  return new Uint8Array(readFileSync(name));
}

/** Folders become the pictures in them, in order of name; no names mean the bundled samples. */
export function pictureFiles(names: readonly string[]): string[] {
  const list = names.length > 0 ? names : [SAMPLES];
  return list.flatMap((name) => {
    if (!existsSync(name) || !statSync(name).isDirectory()) return [name];
    const found = readdirSync(name).filter((file) => PICTURES.has(extname(file).toLowerCase()));
    if (found.length === 0) throw new ImageError(`there are no pictures in the folder ${name}`);
    return found.sort().map((file) => join(name, file));
  });
}
