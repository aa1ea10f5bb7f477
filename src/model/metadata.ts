/**
 * `ModelMetadata` ⇄ the `__metadata__` of a safetensors file: one key, one JSON document, every field checked on the
 * way in. A file without the key is a bare checkpoint and gives empty metadata.
 */
import { ModelFormatError, OptionError } from '../core/errors.js';
import { type Check, Fields, listOf, nullable, number, oneOf, positive, text } from '../core/json.js';
import { parsePreprocess } from '../preprocess/parse.js';
import type { ModelMetadata } from './model.js';

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
  if (text === undefined) return {};
  try {
    return parseMetadata(JSON.parse(text));
  } catch (cause) {
    const why = cause instanceof OptionError ? cause.message : `${KEY} is not JSON`;
    throw new ModelFormatError(`bad model metadata: ${why}`, { format: 'safetensors' }, { cause });
  }
}

/** Checks a parsed document field by field; unknown fields are dropped. */
function parseMetadata(value: unknown): ModelMetadata {
  const fields = new Fields(value, KEY);
  fields.optional('version', oneOf(VERSION), VERSION);
  const metadata: { -readonly [K in keyof ModelMetadata]: ModelMetadata[K] } = {};
  const read = <T>(name: string, check: Check<T>, use: (value: T) => void) => {
    if (fields.has(name)) use(fields.required(name, check));
  };
  read('labels', listOf(text), (labels) => (metadata.labels = labels));
  read('preprocess', parsePreprocess, (preprocess) => (metadata.preprocess = preprocess));
  read('activation', oneOf('softmax', 'sigmoid'), (activation) => (metadata.activation = activation));
  read('thresholds', listOf(nullable(number)), (thresholds) => (metadata.thresholds = thresholds));
  read('concat', oneOf('new-first'), (concat) => (metadata.concat = concat));
  read('bnEpsilon', positive, (epsilon) => (metadata.bnEpsilon = epsilon));
  for (const name of ['provenance', 'license', 'name'] as const) read(name, text, (value) => (metadata[name] = value));
  // As files before version 0.2 spell it.
  if (!fields.has('license')) read('licence', text, (value) => (metadata.license = value));
  return metadata;
}
