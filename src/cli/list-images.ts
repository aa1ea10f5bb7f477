/** The image files that a command's arguments name: files, folders, patterns, and `-` for a list on stdin. */
import { closeSync, type Dirent, existsSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, sep } from 'node:path';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { SAMPLES } from './files.js';
import { detectImage, SIGNATURE_BYTES } from './image-header.js';

/** One image to classify, or an argument that names none. */
export interface ImageArgument {
  readonly path: string;
  /** Why there is no image at this path, and what to do. */
  readonly error?: string;
}

/**
 * Puts the lines of stdin in the place of each `-`.
 *
 * @param input by default the process's stdin, read to its end
 */
export async function withListedNames(
  names: readonly string[],
  input: AsyncIterable<Uint8Array | string> = process.stdin,
): Promise<readonly string[]> {
  if (!names.includes('-')) return names;
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  const lines = Buffer.concat(chunks).toString('utf8').split(/\r?\n/);
  const listed = lines.filter((line) => line !== '');
  return names.flatMap((name) => (name === '-' ? listed : [name]));
}

/**
 * Image files by the names given, in order. A folder stands for the images in it and in its folders, told by their
 * content; a pattern (`*.png`, `{a,b}/*`, `**` for any folders), where the shell left
 * it alone, for the files that match. No names stand for the bundled samples.
 */
export function imageFiles(names: readonly string[]): ImageArgument[] {
  const list = names.length > 0 ? names : [SAMPLES];
  return list.flatMap((name) => {
    const stat = statSync(name, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return orError(name, imagesIn(name), 'there are no images in this folder');
    if (stat) return [{ path: name }];
    if (isDynamicPattern(name)) return orError(name, matchingFiles(name), 'no file matches it');
    return [{ path: name, error: 'there is no such file: check the path' }];
  });
}

const orError = (name: string, images: ImageArgument[], error: string): ImageArgument[] =>
  images.length > 0 ? images : [{ path: name, error }];

/** A file that links to folders give several paths is taken by the shortest. */
function matchingFiles(pattern: string): ImageArgument[] {
  const slashes = sep === '\\' ? pattern.replaceAll('\\', '/') : pattern;
  const found = globSync(slashes, { absolute: isAbsolute(pattern), dot: true, expandDirectories: false });
  const folders = new Map([...new Set(found.map((path) => dirname(path)))].map((path) => [path, realpathSync(path)]));
  const byFile = new Map<string, string>();
  for (const path of found.sort((a, b) => b.length - a.length))
    byFile.set(join(folders.get(dirname(path)) ?? '', basename(path)), path);
  return [...byFile.values()].sort().map((path) => ({ path }));
}

/**
 * Also those of a kind that is not classified, and what cannot be read, so that nothing is passed over in silence.
 *
 * @param above real paths of the folders around it: a link to one of them is not followed
 */
function imagesIn(folder: string, above: readonly string[] = []): ImageArgument[] {
  let entries: Dirent[];
  let here: string;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
    here = realpathSync(folder);
  } catch (error) {
    return [{ path: folder, error: `the folder cannot be read: ${messageOf(error)}` }];
  }
  if (above.includes(here)) return [];
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      const target = entry.isSymbolicLink() && existsSync(path) ? statSync(path) : entry;
      if (target.isDirectory()) return imagesIn(path, [...above, here]);
      return target.isFile() ? imageAt(path) : [];
    });
}

function imageAt(path: string): ImageArgument[] {
  try {
    return detectImage(firstBytes(path)) === null ? [] : [{ path }];
  } catch (error) {
    return [{ path, error: `the file cannot be read: ${messageOf(error)}` }];
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function firstBytes(path: string): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_BYTES);
  const file = openSync(path, 'r');
  try {
    return bytes.subarray(0, readSync(file, bytes));
  } finally {
    closeSync(file);
  }
}
