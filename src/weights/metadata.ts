/**
 * `ModelMetadata` ⇄ the `__metadata__` of a safetensors file: one key, one JSON document, every field checked on the
 * way in. A file without the key is a bare checkpoint and gives empty metadata.
 */
import { ModelFormatError } from '../errors.js';
import type { PreprocessSpec, ResizeFilter } from '../image/spec.js';
import type { ModelMetadata } from '../model/model.js';

const KEY = 'densenet-webgpu';
const VERSION = 1;

export function encodeMetadata(metadata: ModelMetadata): [string, string][] {
  return [
    ['format', 'pt'],
    [KEY, JSON.stringify({ version: VERSION, ...metadata })],
  ];
}

/** @throws ModelFormatError naming the field that is not what it must be */
export function decodeMetadata(entries: ReadonlyMap<string, string>): ModelMetadata {
  const text = entries.get(KEY);
  return text === undefined ? {} : parseMetadata(parseJson(text));
}

/** Checks a parsed document field by field; unknown fields are dropped. */
function parseMetadata(value: unknown): ModelMetadata {
  const fields = new Fields(value, KEY);
  fields.optional('version', number, (version) => {
    if (version !== VERSION) throw wrong(`version ${version} is not the ${VERSION} that this package reads`);
  });
  const metadata: { -readonly [K in keyof ModelMetadata]: ModelMetadata[K] } = {};
  fields.optional('labels', listOf(text), (labels) => (metadata.labels = labels));
  fields.optional('preprocess', parsePreprocess, (preprocess) => (metadata.preprocess = preprocess));
  fields.optional('activation', oneOf('softmax', 'sigmoid'), (activation) => (metadata.activation = activation));
  fields.optional('bnEpsilon', positive, (epsilon) => (metadata.bnEpsilon = epsilon));
  for (const name of ['provenance', 'licence', 'name'] as const)
    fields.optional(name, text, (value) => (metadata[name] = value));
  return metadata;
}

/**
 * A preprocessing specification from parsed JSON (a model file's, or a user's).
 *
 * @throws ModelFormatError naming the field
 */
export function parsePreprocess(value: unknown, path = 'preprocess'): PreprocessSpec {
  const fields = new Fields(value, path);
  return {
    resize: fields.required('resize', parseResize),
    crop: fields.required('crop', (crop, at) => (crop === null ? null : size(crop, at))),
    scale: fields.required('scale', number),
    mean: fields.required('mean', listOf(number)),
    std: fields.required('std', listOf(positive)),
    channelOrder: fields.required('channelOrder', oneOf('rgb', 'bgr', 'grey')),
  };
}

function parseResize(value: unknown, path: string): PreprocessSpec['resize'] {
  const fields = new Fields(value, path);
  const kind = fields.required('kind', oneOf('shorterSide', 'exact', 'none'));
  if (kind === 'none') return { kind };
  const filter: ResizeFilter = fields.required('filter', oneOf('bilinear', 'bicubic'));
  const antialias = fields.required('antialias', flag);
  if (kind === 'exact') return { kind, size: fields.required('size', size), filter, antialias };
  return { kind, size: fields.required('size', pixels), filter, antialias };
}

type Check<T> = (value: unknown, path: string) => T;

/** The fields of one JSON object, each read through a check that knows its path. */
class Fields {
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${path} is not an object`);
    this.#values = new Map(Object.entries(value));
    this.#path = path;
  }

  required<T>(name: string, check: Check<T>): T {
    if (!this.#values.has(name)) throw wrong(`${this.#path}.${name} is missing`);
    return check(this.#values.get(name), `${this.#path}.${name}`);
  }

  optional<T>(name: string, check: Check<T>, use: (value: T) => void): void {
    if (this.#values.has(name)) use(this.required(name, check));
  }
}

const text: Check<string> = (value, path) => {
  if (typeof value !== 'string') throw wrong(`${path} is not a text`);
  return value;
};

const number: Check<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrong(`${path} is not a number`);
  return value;
};

const positive: Check<number> = (value, path) => {
  const checked = number(value, path);
  if (checked <= 0) throw wrong(`${path} is ${checked}, but must be positive`);
  return checked;
};

/** A side in pixels that a picture can have. */
const pixels: Check<number> = (value, path) => {
  const checked = number(value, path);
  if (!Number.isInteger(checked) || checked < 1 || checked > 16384) throw wrong(`${path} is not a size in pixels`);
  return checked;
};

const flag: Check<boolean> = (value, path) => {
  if (typeof value !== 'boolean') throw wrong(`${path} is neither true nor false`);
  return value;
};

const size: Check<readonly [number, number]> = (value, path) => {
  const [height, width, ...rest] = listOf(pixels)(value, path);
  if (height === undefined || width === undefined || rest.length > 0) throw wrong(`${path} is not [height, width]`);
  return [height, width];
};

function listOf<T>(check: Check<T>): Check<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(`${path} is not a list`);
    return value.map((entry: unknown, index) => check(entry, `${path}[${index}]`));
  };
}

function oneOf<const T extends string>(...allowed: readonly T[]): Check<T> {
  return (value, path) => {
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined) throw wrong(`${path} is none of ${allowed.join(', ')}`);
    return found;
  };
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new ModelFormatError(`bad model metadata: ${KEY} is not JSON`, { format: 'safetensors' }, { cause });
  }
}

function wrong(what: string): ModelFormatError {
  return new ModelFormatError(`bad model metadata: ${what}`, { format: 'safetensors' });
}
