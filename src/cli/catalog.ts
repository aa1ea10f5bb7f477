/** The catalogue of public checkpoints, weights/catalog.json: one row per checkpoint, with all that importing it needs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OptionError } from '../core/errors.js';
import { type Check, Fields, fail, listOf, nullable, number, oneOf, positive, size } from '../core/json.js';
import { editDistance } from '../import/nearest-name.js';
import type { Activation } from '../model/config.js';
import type { ModelMetadata } from '../model/model.js';
import { PRESETS, presetOf } from '../preprocess/presets.js';
import { PACKAGE } from './files.js';

export interface CatalogRow {
  readonly id: string;
  readonly url: string;
  readonly format: 'pytorch' | 'safetensors' | 'keras';
  /** The license of the repository that publishes it. */
  readonly license: string;
  /** The page that states these facts. */
  readonly source: string;
  /** A key of `FAMILY`; gives the config together with `inChannels` and `classes`. */
  readonly arch: string;
  readonly inChannels: number;
  readonly classes: number;
  readonly parameters: number;
  /** A key of `PRESETS`, and the [height, width] of its output. */
  readonly preset: string;
  readonly inputSize: readonly [height: number, width: number];
  readonly labels: readonly string[];
  readonly activation: Activation;
  readonly bnEpsilon: number;
  /** Multi-label networks: the published operating points; null for a class that the checkpoint was not trained on. */
  readonly thresholds: readonly (number | null)[] | null;
  /** File size in MiB (2²⁰ bytes) to three decimals; null where only a rougher figure is published. */
  readonly mebibytes: number | null;
  /** The published digest, or its first digits, which PyTorch puts in its file names. */
  readonly hash: { readonly algorithm: 'sha256' | 'md5'; readonly digits: string } | null;
  /** In percent. */
  readonly accuracy: {
    readonly dataset: string;
    readonly top1: number;
    readonly top5: number;
    readonly source: string;
  } | null;
}

const WEIGHTS = join(PACKAGE, 'weights');

/** @throws OptionError naming the first field of the file that is missing or has a wrong value */
export function readCatalog(file = join(WEIGHTS, 'catalog.json')): readonly CatalogRow[] {
  const fields = new Fields(JSON.parse(readFileSync(file, 'utf8')), 'catalog');
  fields.required('version', oneOf(1));
  const names = fields.required('labels', labelLists);
  return fields.required('checkpoints', listOf(rowWith(names)));
}

type LabelLists = ReadonlyMap<string, readonly string[]>;

/** A list of labels is in the catalogue itself, or in a file beside it with one label per line. */
const labelLists: Check<LabelLists> = (value, path) => {
  const lists = new Fields(value, path);
  return new Map(Object.keys(Object(value)).map((name) => [name, lists.required(name, labelList)]));
};

const labelList: Check<readonly string[]> = (value, path) => {
  const fields = new Fields(value, path);
  if (fields.has('names')) return fields.required('names', listOf(text));
  return linesOf(fields.required('file', text));
};

const linesOf = (file: string): readonly string[] => readFileSync(join(WEIGHTS, file), 'utf8').trimEnd().split('\n');

export const imagenetLabels = (): readonly string[] => linesOf('imagenet-1k.txt');

const text: Check<string> = (value, path) => (typeof value === 'string' && value ? value : fail(path, 'a text'));
const count: Check<number> = (value, path) =>
  Number.isSafeInteger(value) ? positive(value, path) : fail(path, 'a whole number');

function rowWith(lists: LabelLists): Check<CatalogRow> {
  return (value, path) => {
    const row = new Fields(value, path);
    const list =
      lists.get(row.required('labels', text)) ?? fail(`${path}.labels`, `one of ${[...lists.keys()].join(', ')}`);
    const thresholds = row.optional('thresholds', listOf(nullable(number)), null);
    return {
      id: row.required('id', text),
      url: row.required('url', text),
      format: row.required('format', oneOf('pytorch', 'safetensors', 'keras')),
      license: row.required('license', text),
      source: row.required('source', text),
      arch: row.required('arch', text),
      inChannels: row.required('inChannels', count),
      classes: row.required('classes', count),
      parameters: row.required('parameters', count),
      preset: row.required('preset', oneOf(...Object.keys(PRESETS))),
      inputSize: row.required('inputSize', size),
      labels: list.map((label, i) => (thresholds?.[i] === null ? `${label} (not trained)` : label)),
      activation: row.required('activation', oneOf('softmax', 'sigmoid')),
      bnEpsilon: row.required('bnEpsilon', positive),
      thresholds,
      mebibytes: row.optional('mebibytes', positive, null),
      hash: row.optional('hash', hash, null),
      accuracy: row.optional('accuracy', accuracy, null),
    };
  };
}

const hash: Check<CatalogRow['hash']> = (value, path) => {
  const fields = new Fields(value, path);
  const digits = (name: string) => fields.optional(name, text, null);
  const [sha256, prefix, md5] = [digits('sha256'), digits('sha256Prefix'), digits('md5')];
  if (sha256 && /^[0-9a-f]{64}$/.test(sha256)) return { algorithm: 'sha256', digits: sha256 };
  if (prefix && /^[0-9a-f]{8,63}$/.test(prefix)) return { algorithm: 'sha256', digits: prefix };
  if (md5 && /^[0-9a-f]{32}$/.test(md5)) return { algorithm: 'md5', digits: md5 };
  return fail(path, 'a sha256, a sha256Prefix or an md5 in lower-case hexadecimal digits');
};

const accuracy: Check<CatalogRow['accuracy']> = (value, path) => {
  const fields = new Fields(value, path);
  return {
    dataset: fields.required('dataset', text),
    top1: fields.required('top1', positive),
    top5: fields.required('top5', positive),
    source: fields.required('source', text),
  };
};

/** The row of an id. @throws OptionError that names the nearest ids when there is none */
export function catalogRow(id: string, rows: readonly CatalogRow[]): CatalogRow {
  const row = rows.find((candidate) => candidate.id === id);
  if (row) return row;
  const near = nearestIds(
    id,
    rows.map((candidate) => candidate.id),
  );
  throw new OptionError(
    'checkpoint',
    `there is no file and no catalogue entry "${id}"; the nearest entries are ${near.join(', ')} (import --list shows all)`,
  );
}

const NEAREST_COUNT = 4;

/** Ids that contain the name come first, then those with the smallest edit distance. */
function nearestIds(name: string, ids: readonly string[]): string[] {
  const cost = (id: string) => editDistance(name, id) - (id.includes(name) ? 1000 : 0);
  return [...ids].sort((a, b) => cost(a) - cost(b)).slice(0, NEAREST_COUNT);
}

/** The metadata of a model file that is made from the row. */
export function metadataOf(row: CatalogRow): ModelMetadata {
  return {
    name: row.id,
    license: row.license,
    provenance: row.url,
    labels: row.labels,
    preprocess: presetOf(row.preset),
    activation: row.activation,
    bnEpsilon: row.bnEpsilon,
    ...(row.thresholds ? { thresholds: row.thresholds } : {}),
  };
}
