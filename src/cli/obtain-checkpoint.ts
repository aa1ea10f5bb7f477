/** A checkpoint by path, URL, id on the Hugging Face Hub or id in the catalogue: its bytes, and what is known of it. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { ModelFormatError, ModelShapeError, OptionError } from '../core/errors.js';
import type { ImportedCheckpoint } from '../import/checkpoint.js';
import type { DenseNetConfig } from '../model/config.js';
import { familyConfig } from '../model/family.js';
import type { ModelMetadata } from '../model/model.js';
import { readSource } from '../runtime/download.js';
import { isHubId } from '../runtime/hub.js';
import { type CatalogRow, catalogRow, metadataOf, readCatalog } from './catalog.js';
import { isUrl, readModelBytes } from './files.js';
import { downloadHubModel } from './hub-model.js';
import { progressBar } from './progress.js';

export interface Checkpoint {
  readonly bytes: Uint8Array;
  /** For messages and as the file's name. */
  readonly name: string;
  /** What its publisher says of it; the file's own metadata and the user's options go before. */
  readonly metadata: ModelMetadata;
  /** The catalogue's row, for {@link checkConfig}. */
  readonly row: CatalogRow | null;
}

/**
 * @param name a folder stands for the model.json in it (TensorFlow.js)
 * @param mirror an origin to download from in place of the catalogue's sites; the paths are the same
 * @throws ModelFormatError when there is no such file, or the downloaded one is not what was published; OptionError when
 * the name is no id of the catalogue; DownloadError
 */
export async function obtainCheckpoint(name: string, mirror?: string): Promise<Checkpoint> {
  if (existsSync(name) && statSync(name).isDirectory()) return obtainCheckpoint(join(name, 'model.json'));
  if (isHubId(name)) {
    const { bytes, metadata } = await downloadHubModel(name);
    return { bytes, name: name.replace(/^hf:.*\//, ''), metadata, row: null };
  }
  if (namesFile(name)) {
    const bytes = isUrl(name) ? await readSource(name, progressBar(name)) : await readModelBytes(name);
    return { bytes, name, metadata: {}, row: null };
  }
  const row = catalogRow(name, readCatalog());
  const url = mirror === undefined ? row.url : mirrored(row.url, mirror);
  const bytes = await readSource(url, progressBar(row.id));
  checkFile(row, bytes);
  return { bytes, name: row.id, metadata: metadataOf(row), row };
}

/** Whether a name is a path or a URL: one that is not there is a missing file, not a wrong id. */
export function namesFile(name: string): boolean {
  if (isHubId(name)) return false;
  return isUrl(name) || existsSync(name) || /[\\/]/.test(name) || CHECKPOINT_ENDINGS.has(extname(name));
}

const CHECKPOINT_ENDINGS = new Set([
  '.pth',
  '.pt',
  '.tar',
  '.ckpt',
  '.bin',
  '.safetensors',
  '.h5',
  '.keras',
  '.onnx',
  '.json',
]);

function mirrored(url: string, mirror: string): string {
  if (!URL.canParse(mirror)) throw new OptionError('mirror', `--mirror is ${mirror}; it must be a URL`);
  const { pathname, search } = new URL(url);
  return mirror.replace(/\/+$/, '') + pathname + search;
}

/** Published sizes are rounded to three decimals. */
const SIZE_TOLERANCE = 0.001;

/** @throws ModelFormatError unless size and hash are the published ones */
function checkFile({ id, url, mebibytes, hash }: CatalogRow, bytes: Uint8Array): void {
  const refuse = (what: string, found: string, published: string) => {
    const message = `${id}: the file has ${what} ${found}, but ${published} was published (${url}): try again, or report it`;
    throw new ModelFormatError(message, { format: 'download' });
  };
  const found = bytes.length / 2 ** 20;
  if (mebibytes !== null && Math.abs(found - mebibytes) > SIZE_TOLERANCE) {
    refuse('a size of', `${found.toFixed(3)} MiB`, `${mebibytes} MiB`);
  }
  if (hash === null) return;
  const digits = createHash(hash.algorithm).update(bytes).digest('hex').slice(0, hash.digits.length);
  if (digits !== hash.digits) refuse(`the ${hash.algorithm}`, digits, hash.digits);
}

/** @throws ModelShapeError when the network in the file is not the one that the catalogue describes */
export function checkConfig(row: CatalogRow, { config }: ImportedCheckpoint): void {
  const expected = configOf(row);
  const different = Object.entries(expected).flatMap(([name, value]) => {
    const found: unknown = Object.entries(config).find(([key]) => key === name)?.[1];
    const [a, b] = [JSON.stringify(value), JSON.stringify(found)];
    return a === b ? [] : [{ name, expected: a, found: b ?? 'nothing' }];
  });
  if (different.length === 0) return;
  const list = different.map(({ name, expected: e, found }) => `${name} ${found} for ${e}`).join(', ');
  const problems = { missing: [], extra: [], misshaped: different };
  throw new ModelShapeError(`${row.id}: the file is not the network that was published: ${list}`, problems);
}

/** The network that a row describes. @throws OptionError when the family has no such member */
export function configOf({ arch, inChannels, classes, bnEpsilon }: CatalogRow): DenseNetConfig {
  return { ...familyConfig(arch, { inChannels, classes }), bnEpsilon };
}
