/**
 * Where a command's model comes from: a path, a URL, an id of the Hugging Face Hub or an id of the catalogue. Gives its
 * bytes, what its publisher says of it, and the check that a download is what was published.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { ModelFormatError, ModelShapeError, OptionError } from '../core/errors.js';
import { Fields, number, text } from '../core/json.js';
import type { ImportedCheckpoint } from '../import/checkpoint.js';
import { type CheckpointFormat, detectFormat } from '../import/detect-format.js';
import type { DenseNetConfig } from '../model/config.js';
import { familyConfig } from '../model/family.js';
import { decodeMetadata, encodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { isHubId, openHub } from '../runtime/hub.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import { type CatalogRow, catalogRow, imagenetLabels, metadataOf, readCatalog } from './catalog.js';
import { download } from './download.js';

const isUrl = (name: string): boolean => /^https?:\/\//.test(name);

/**
 * The bytes of a model file.
 *
 * @param name a path, a URL or an `hf:` id
 * @throws ModelFormatError when there is no such file; DownloadError for a URL or an `hf:` id
 */
export async function readModelBytes(name: string): Promise<Uint8Array> {
  if (isHubId(name)) return readHubModel(name);
  if (isUrl(name)) return download(name, name);
  if (!existsSync(name) || !statSync(name).isFile()) {
    throw new ModelFormatError(`there is no file ${name}: check the path`, { format: 'file' });
  }
  return new Uint8Array(readFileSync(name));
}

const FORMAT_NAMES: Readonly<Record<Exclude<CheckpointFormat, 'safetensors'>, string>> = {
  pytorch: 'a PyTorch file',
  onnx: 'an ONNX file',
  'keras-h5': 'a Keras file',
  keras: 'a Keras file',
  tfjs: 'a TensorFlow.js model',
};

/**
 * The bytes of a model file, known to be safetensors before a GPU is asked for.
 *
 * @throws as {@link readModelBytes}; ModelFormatError with the command that converts a checkpoint of another format
 */
export async function readModelFile(name: string): Promise<Uint8Array> {
  const bytes = await readModelBytes(name);
  const format = detectFormat(bytes, name);
  if (format === 'safetensors') return bytes;
  const command = `densenet-webgpu import ${name} -o model.safetensors`;
  throw new ModelFormatError(`${name} is ${FORMAT_NAMES[format]}: convert it with "${command}"`, { format });
}

/** Reads the files that a model names beside itself: in its folder, or below its URL. */
export function siblingReader(model: string): (path: string) => Promise<Uint8Array> {
  return (path) => readModelBytes(isUrl(model) ? new URL(path, model).href : join(dirname(model), path));
}

export interface Checkpoint {
  readonly bytes: Uint8Array;
  /** For messages, and as the name of the output file. */
  readonly name: string;
  /** What its publisher says of it. The file's own metadata and the user's options override it. */
  readonly metadata: ModelMetadata;
  /** The catalogue's row, for {@link checkConfig}. */
  readonly row: CatalogRow | null;
}

/**
 * A checkpoint to import.
 *
 * @param name as for {@link readModelBytes}, or an id of the catalogue; a folder stands for its model.json
 * (TensorFlow.js)
 * @param mirror an origin to download from instead of the catalogue's sites, under the same paths
 * @throws ModelFormatError when there is no such file, or the download is not what was published; OptionError when the
 * name is no id of the catalogue; DownloadError
 */
export async function openCheckpoint(name: string, mirror?: string): Promise<Checkpoint> {
  if (existsSync(name) && statSync(name).isDirectory()) return openCheckpoint(mainFileOf(name));
  if (isHubId(name)) {
    const { bytes, metadata } = await downloadHubModel(name);
    return { bytes, name: name.replace(/^hf:.*\//, ''), metadata, row: null };
  }
  if (isFileName(name)) {
    const bytes = isUrl(name) ? await download(name, name) : await readModelBytes(name);
    return { bytes, name, metadata: {}, row: null };
  }
  const row = catalogRow(name, readCatalog());
  const url = mirror === undefined ? row.url : mirrored(row.url, mirror);
  const bytes = await download(url, row.id);
  checkDownload(row, bytes);
  return { bytes, name: row.id, metadata: metadataOf(row), row };
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

/** Of a folder: a TensorFlow.js model, or one that says what it is instead. */
function mainFileOf(folder: string): string {
  const known = ['model.json', 'saved_model.pb', 'Manifest.json'];
  return join(folder, known.find((file) => existsSync(join(folder, file))) ?? 'model.json');
}

/** Whether a name is a path or a URL, so that one that is not there is a missing file, not an unknown id. */
export function isFileName(name: string): boolean {
  if (isHubId(name)) return false;
  return isUrl(name) || existsSync(name) || /[\\/]/.test(name) || CHECKPOINT_ENDINGS.has(extname(name));
}

function mirrored(url: string, mirror: string): string {
  if (!URL.canParse(mirror)) throw new OptionError('mirror', `--mirror is ${mirror}; it must be a URL`);
  const { pathname, search } = new URL(url);
  return mirror.replace(/\/+$/, '') + pathname + search;
}

/**
 * Downloads a repository's model.safetensors, from HF_ENDPOINT where the environment sets it, as Hugging Face's own
 * tools do.
 *
 * @throws as `openHub`; DownloadError
 */
async function downloadHubModel(id: string): Promise<{ bytes: Uint8Array; metadata: ModelMetadata }> {
  const endpoint = process.env.HF_ENDPOINT?.replace(/\/+$/, '');
  const { url, metadata, config } = await openHub(id, endpoint ? { hub: endpoint } : {});
  const bytes = await download(url, id);
  const labels = metadata.labels ?? labelsOfImagenet(config);
  return { bytes, metadata: { ...metadata, ...(labels ? { labels } : {}), provenance: url } };
}

/** A model of the Hub as one file, with what the Hub says of it in its metadata. */
async function readHubModel(id: string): Promise<Uint8Array> {
  const { bytes, metadata: published } = await downloadHubModel(id);
  const { tensors, metadata } = readSafetensors(bytes);
  return writeSafetensors([...tensors.values()], encodeMetadata({ ...published, ...decodeMetadata(metadata) }));
}

/** timm leaves out the class names of ImageNet-1k; its tag tells which models have those classes. */
function labelsOfImagenet(config: unknown): readonly string[] | null {
  const pretrained = new Fields(config ?? {}, 'config').optional(
    'pretrained_cfg',
    (v, path) => new Fields(v, path),
    null,
  );
  const isImagenet = pretrained?.optional('tag', text, '').endsWith('in1k');
  return isImagenet && pretrained?.optional('num_classes', number, null) === 1000 ? imagenetLabels() : null;
}

/** Published sizes are rounded to three decimals. */
const SIZE_TOLERANCE_MIB = 0.001;

/** @throws ModelFormatError unless size and hash are the published ones */
function checkDownload({ id, url, mebibytes, hash }: CatalogRow, bytes: Uint8Array): void {
  const mismatch = (what: string, found: string, published: string) => {
    const message = `${id}: the file has ${what} ${found}, but ${published} was published (${url}): try again, or report it`;
    return new ModelFormatError(message, { format: 'download' });
  };
  const found = bytes.length / 2 ** 20;
  if (mebibytes !== null && Math.abs(found - mebibytes) > SIZE_TOLERANCE_MIB) {
    throw mismatch('a size of', `${found.toFixed(3)} MiB`, `${mebibytes} MiB`);
  }
  if (hash === null) return;
  const digits = createHash(hash.algorithm).update(bytes).digest('hex').slice(0, hash.digits.length);
  if (digits !== hash.digits) throw mismatch(`the ${hash.algorithm}`, digits, hash.digits);
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
  const list = different.map(({ name, expected: e, found }) => `${name} is ${found} instead of ${e}`).join(', ');
  const problems = { missing: [], extra: [], misshaped: different };
  throw new ModelShapeError(`${row.id}: the file is not the network that was published: ${list}`, problems);
}

/** The network that a row describes. @throws OptionError when the family has no such member */
export function configOf({ arch, inChannels, classes, bnEpsilon }: CatalogRow): DenseNetConfig {
  return { ...familyConfig(arch, { inChannels, classes }), bnEpsilon };
}
