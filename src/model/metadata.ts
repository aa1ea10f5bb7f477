/**
 * `ModelMetadata` ⇄ the `__metadata__` of a safetensors file: one key, one JSON document, every field checked on the
 * way in. A file without the key is a bare checkpoint and gives empty metadata.
 */
import { ModelFormatError, OptionError } from '../core/errors.js';
import { type Check, Fields, flag, listOf, nullable, number, oneOf, positive, text } from '../core/json.js';
import { parsePreprocess } from '../preprocess/parse.js';
import { type Activation, type ActivationOrigin, HEAD_ACTIVATIONS } from './config.js';
import type { ModelMetadata } from './model.js';

const KEY = 'densenet-webgpu';
const VERSION = 1;

export function encodeMetadata(metadata: ModelMetadata): [string, string][] {
  return [
    ['format', 'pt'],
    // Sorted, so that the same metadata gives the same bytes.
    [
      KEY,
      JSON.stringify(
        Object.fromEntries(Object.entries({ version: VERSION, ...metadata }).sort(([a], [b]) => (a < b ? -1 : 1))),
      ),
    ],
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
  read('activation', oneOf('softmax', 'sigmoid', 'none'), (activation) => (metadata.activation = activation));
  read('activationOrigin', oneOf('file', 'option', 'assumed'), (origin) => (metadata.activationOrigin = origin));
  read('assumed', listOf(text), (assumed) => (metadata.assumed = assumed));
  read('stemNorm', flag, (norm) => (metadata.stemNorm = norm));
  read('stemStride', oneOf(1, 2), (stride) => (metadata.stemStride = stride));
  read('stemPool', flag, (pool) => (metadata.stemPool = pool));
  read('finalRelu', flag, (relu) => (metadata.finalRelu = relu));
  read('pooling', oneOf('average', 'max', 'both'), (pooling) => (metadata.pooling = pooling));
  read('hiddenActivations', listOf(oneOf(...HEAD_ACTIVATIONS)), (list) => (metadata.hiddenActivations = list));
  read('sourceInput', sourceInput, (input) => (metadata.sourceInput = input));
  read('thresholds', listOf(nullable(number)), (thresholds) => (metadata.thresholds = thresholds));
  read('concat', oneOf('new-first'), (concat) => (metadata.concat = concat));
  read('bnEpsilon', positive, (epsilon) => (metadata.bnEpsilon = epsilon));
  for (const name of ['provenance', 'license', 'name'] as const) read(name, text, (value) => (metadata[name] = value));
  // As files before version 0.2 spell it.
  if (!fields.has('license')) read('licence', text, (value) => (metadata.license = value));
  return metadata;
}

const sourceInput: Check<NonNullable<ModelMetadata['sourceInput']>> = (value, path) => {
  const fields = new Fields(value, path);
  return { scale: fields.required('scale', listOf(number)), shift: fields.required('shift', listOf(number)) };
};

/** What turns logits into scores, and who says so. A softmax over one class would always be 1; without classes there are no logits. */
export function scoringOf(
  { activation, activationOrigin }: ModelMetadata,
  classes: number,
): { readonly activation: Activation; readonly origin: ActivationOrigin } {
  if (classes === 0) return { activation: 'none', origin: 'file' };
  if (activation !== undefined) return { activation, origin: activationOrigin ?? 'file' };
  return { activation: classes === 1 ? 'sigmoid' : 'softmax', origin: 'assumed' };
}
