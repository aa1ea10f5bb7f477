/** What is in each image of a test set: from class folders or from a CSV file, as classes of the model. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { UsageError } from './command.js';
import { parseCsv } from './csv.js';
import { type ImageArgument, imageFiles } from './list-images.js';
import { note } from './terminal.js';

/** Indices of the classes that are in an image, and of those of which it is not known. */
export interface Truth {
  readonly present: readonly number[];
  readonly unknown: readonly number[];
}

export interface LabelledImage extends ImageArgument {
  readonly truth: Truth;
}

/** Finds the class that a name means. */
export interface ClassNames {
  readonly count: number;
  /** -1 where no class has the name, or several have. */
  indexOf(name: string): number;
  /** Some of the names, for messages. */
  readonly examples: string;
}

/** ImageNet has two classes called crane. */
const SEVERAL = -1;

const plain = (name: string): string =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');

/**
 * A name is that of a class in any case, with `_` or `-` for spaces; or its index.
 *
 * @param listed lines of `--classes`, by index, of which the first word counts; instead of the model's own names
 * @throws UsageError when there are not as many as the model has classes
 */
export function classNames(
  count: number,
  labels: readonly string[] | undefined,
  listed: readonly string[] | null,
): ClassNames {
  if (listed && listed.length !== count)
    throw new UsageError(`--classes has ${listed.length} lines, but the model has ${count} classes: one line for each`);
  const names = listed ? listed.map((line) => line.trim().split(/[\s,]/)[0] ?? '') : (labels ?? []);
  const indices = new Map<string, number>();
  for (const [index, name] of [...(labels ?? []).entries(), ...names.entries()]) {
    const earlier = indices.get(plain(name)) ?? index;
    indices.set(plain(name), earlier === index ? index : SEVERAL);
  }
  return {
    count,
    indexOf(name) {
      const index = indices.get(plain(name));
      if (index !== undefined) return index;
      return /^\d+$/.test(name.trim()) && Number(name) < count ? Number(name) : -1;
    },
    examples: names.length > 0 ? `${names.slice(0, 5).join(', ')}${names.length > 5 ? ' …' : ''}` : `0 to ${count - 1}`,
  };
}

const SYNSET = /^n\d{8}$/;

/**
 * The images of `DIR/CLASS/…`. As many folders of ImageNet's synsets as the model has classes, where it does not name
 * them so itself, are classes in the order of their names, which is that of every published network.
 *
 * @throws UsageError for folders that are no class, and for images outside of one
 */
export function imagesOfFolders(folder: string, names: ClassNames): LabelledImage[] {
  const images = imageFiles([folder]);
  const folderOf = ({ path }: ImageArgument) => relative(folder, path).split(sep);
  const loose = images.find((image) => image.error === undefined && folderOf(image).length < 2);
  if (loose) {
    const repair = 'put it into a folder named by its class, or pass --labels FILE.csv';
    throw new UsageError(`${loose.path} lies in no class folder: ${repair}`);
  }
  const folders = [...new Set(images.map((image) => folderOf(image)[0] ?? ''))].filter((name) => name !== '').sort();
  const areSynsets = folders.length === names.count && folders.every((name) => SYNSET.test(name));
  const areNamed = folders.every((name) => names.indexOf(name) >= 0);
  const indexOf = (name: string) => (areSynsets && !areNamed ? folders.indexOf(name) : names.indexOf(name));
  const unknown = folders.filter((name) => indexOf(name) < 0);
  if (unknown.length > 0) {
    const some = `${unknown.slice(0, 5).join(', ')}${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ''}`;
    throw new UsageError(
      `not exactly one class of the model (${names.examples}) is named like the folder ${some}: rename it, or pass --classes FILE with the folders' names in the order of the classes`,
    );
  }
  return images.map((image) => ({
    ...image,
    truth: { present: [indexOf(folderOf(image)[0] ?? '')].filter((index) => index >= 0), unknown: [] },
  }));
}

const IMAGE_HEADS = new Set(['image', 'images', 'file', 'filename', 'path', 'image index', 'image path', 'id']);
const LABEL_HEADS = new Set(['label', 'labels', 'class', 'category', 'finding labels', 'true']);

/**
 * The images of a CSV file: one column of paths and one of labels (names or indices, several separated by `|` or `;`), or
 * a column for each class with 1, 0, or nothing or -1 where it is not known. The first line names the columns.
 *
 * @param folder what paths are relative to; by default the file's own
 * @throws UsageError when the columns cannot be told
 */
export function imagesOfCsv(file: string, folder: string | undefined, names: ClassNames): LabelledImage[] {
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}: check --labels`);
  const [head, ...rows] = parseCsv(readFileSync(file, 'utf8'));
  const heads = head?.map(plain) ?? [];
  const imageColumn = heads.findIndex((name) => IMAGE_HEADS.has(name));
  if (imageColumn < 0)
    throw new UsageError(`${file}: no column is named image, file or path; the first line is to name the columns`);
  const labelColumn = heads.findIndex((name) => LABEL_HEADS.has(name));
  const columns = heads.map((name, column) =>
    column === imageColumn || /^\d+$/.test(name) ? -1 : names.indexOf(name),
  );
  const areColumns = columns.some((index) => index >= 0);
  if (labelColumn < 0 && !areColumns)
    throw new UsageError(`${file}: no column is named label, and none like a class of the model (${names.examples})`);
  const absent = Array.from({ length: names.count }, (_, i) => i).filter((index) => !columns.includes(index));
  const base = folder ?? dirname(file);
  const ignored = new Set<string>();
  const images = rows.map((row): LabelledImage => {
    const path = row[imageColumn] ?? '';
    const full = isAbsolute(path) ? path : join(base, path);
    const image = existsSync(full) ? { path: full } : { path: full, error: 'there is no such file: check --labels' };
    const truth = areColumns ? columnsTruth(row, columns, absent) : namesTruth(row[labelColumn] ?? '', names, ignored);
    return { ...image, truth };
  });
  if (ignored.size > 0)
    note(
      `${file}: ${[...ignored].slice(0, 5).join(', ')} ${ignored.size === 1 ? 'is' : 'are'} no class of the model: ignored.`,
    );
  return images;
}

/** @param absent classes without a column */
function columnsTruth(row: readonly string[], columns: readonly number[], absent: readonly number[]): Truth {
  const present: number[] = [];
  const unknown = [...absent];
  for (const [column, index] of columns.entries()) {
    const value = Number(row[column] || Number.NaN);
    if (index >= 0 && value !== 0) (value === 1 ? present : unknown).push(index);
  }
  return { present, unknown };
}

function namesTruth(text: string, names: ClassNames, ignored: Set<string>): Truth {
  const present = new Set<number>();
  for (const name of text.split(/[|;]/)) {
    const index = names.indexOf(name);
    if (index >= 0) present.add(index);
    else if (name.trim() !== '') ignored.add(name.trim());
  }
  return { present: [...present], unknown: [] };
}

/** Lines of a text file, without empty ones at its end. @throws UsageError */
export function readLines(file: string): string[] {
  if (!existsSync(file)) throw new UsageError(`there is no file ${file}: check --classes`);
  return readFileSync(file, 'utf8').trimEnd().split(/\r?\n/);
}
