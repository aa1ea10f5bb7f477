/** The options of `import`: what the user says of a network, and the files that they name. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelFormatError } from '../core/errors.js';
import type { ImportOptions } from '../import/checkpoint.js';
import { parseLabels } from '../import/labels.js';
import { beforeNetwork, checkChannels } from '../import/source-input.js';
import { parseRename } from '../import/state-dict/rename.js';
import { HEAD_ACTIVATIONS } from '../model/config.js';
import type { ModelMetadata } from '../model/model.js';
import { parsePreprocess } from '../preprocess/parse.js';
import { PRESETS, presetOf } from '../preprocess/presets.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { oneOf, positive, UsageError } from './command.js';
import { PACKAGE } from './files.js';

export const IMPORT_USAGE = `CHECKPOINT -o OUT.safetensors [--labels FILE|imagenet] [--preprocess PRESET|JSON]
       [--activation softmax|sigmoid|none] [--thresholds P|P,P,…] [--weights f32|f16|int8] [--key NAME] [--rename 'REGEX=>NEW']… [--map FILE.json]
       [--concat old-first|new-first] [--stem-pool yes|no] [--stem-stride 1|2] [--final-relu yes|no]
       [--pooling average|max] [--epsilon X]
       [--hidden-activation ${HEAD_ACTIVATIONS.join('|')}] [--name TEXT] [--provenance TEXT] [--license TEXT]
       CATALOGUE-ID|hf:OWNER/NAME[@REVISION] [-o OUT.safetensors] [--mirror URL]
       --list [--json]

--list        lists the catalogue of public checkpoints; import one by its id to download, check and convert it
--mirror      a site that serves the catalogue's files under the same paths
--labels      a text file with one class name per line, a JSON list, {"0": name, …} or {name: 0, …}; or imagenet
--preprocess  one of ${Object.keys(PRESETS).join(', ')}; or a PreprocessSpec as JSON
--activation  what turns the last layer's outputs into scores: softmax (one class per image), sigmoid (each by itself) or
              none (the outputs are the scores)
--thresholds  for a multi-label network: the least probability of a class that is present, one for all or one per class
--weights     how the file stores them: f16 halves it, int8 (a scale for each output channel) halves it once more
--key         for a file with several networks: a dict's key, or the prefix of the network's tensor names
--rename      changes tensor names before they are read; may be given several times
--map         a JSON file {name of a tensor or module in the file: canonical name}

What a file of weights alone does not show, and is assumed as in the paper unless said:
--concat      new-first for a network that puts new features in front of the old ones
--stem-pool, --stem-stride   whether a max pool follows the first convolution, and the stride of this
--final-relu  whether a ReLU follows the last batch norm
--pooling     over the last map
--epsilon     of the batch norms
--hidden-activation          between the dense layers of a head`;

const TEXT = { type: 'string' } as const;
/** Options that describe the network. */
export const NETWORK_OPTIONS = {
  activation: TEXT,
  concat: TEXT,
  epsilon: TEXT,
  'final-relu': TEXT,
  pooling: TEXT,
  'hidden-activation': TEXT,
  key: TEXT,
  map: TEXT,
  rename: { type: 'string', multiple: true },
  'stem-pool': TEXT,
  'stem-stride': TEXT,
} as const;

type NetworkValues = Partial<Record<Exclude<keyof typeof NETWORK_OPTIONS, 'rename'>, string>> & { rename?: string[] };

/** @throws UsageError or OptionError for values that are not allowed */
export function networkOptions(values: NetworkValues): ImportOptions {
  const concat = oneOf('concat', values.concat, ['old-first', 'new-first']);
  const activation = oneOf('activation', values.activation, ['softmax', 'sigmoid', 'none']);
  const hiddenActivation = oneOf('hidden-activation', values['hidden-activation'], HEAD_ACTIVATIONS);
  const stemStride = oneOf('stem-stride', values['stem-stride'], ['1', '2']);
  const stemPool = yesNo('stem-pool', values['stem-pool']);
  const pooling = oneOf('pooling', values.pooling, ['average', 'max']);
  const finalRelu = yesNo('final-relu', values['final-relu']);
  return {
    ...(values.key === undefined ? {} : { key: values.key }),
    ...(concat === undefined ? {} : { concat }),
    ...(activation === undefined ? {} : { activation }),
    ...(hiddenActivation === undefined ? {} : { hiddenActivation }),
    ...(stemStride === undefined ? {} : { stemStride: stemStride === '1' ? 1 : 2 }),
    ...(stemPool === undefined ? {} : { stemPool }),
    ...(finalRelu === undefined ? {} : { finalRelu }),
    ...(pooling === undefined ? {} : { pooling }),
    ...(values.epsilon === undefined ? {} : { bnEpsilon: positive('epsilon', values.epsilon) }),
    ...(values.rename === undefined ? {} : { renames: values.rename.map(parseRename) }),
    ...(values.map === undefined ? {} : { map: mapFrom(values.map) }),
  };
}

function yesNo(option: string, value: string | undefined): boolean | undefined {
  const answer = oneOf(option, value, ['yes', 'no']);
  return answer === undefined ? undefined : answer === 'yes';
}

function mapFrom(path: string): ReadonlyMap<string, string> {
  const value = parseJson(fileText(path, 'map'));
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  const pairs = entries.flatMap(([name, canonical]) =>
    typeof canonical === 'string' ? [[name, canonical] as const] : [],
  );
  if (pairs.length > 0 && pairs.length === entries.length) return new Map(pairs);
  throw new UsageError(`--map ${path} must be a JSON object {name in the file: canonical name}`);
}

function fileText(path: string, option: string): string {
  if (existsSync(path)) return readFileSync(path, 'utf8');
  throw new ModelFormatError(`there is no file ${path}: check --${option}`, { format: option });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function labelsFrom(path: string, classes: number): readonly string[] {
  if (classes === 0) throw new UsageError('--labels: the file has no classifier: leave it out');
  const file = path === 'imagenet' ? join(PACKAGE, 'weights/imagenet-1k.txt') : path;
  return parseLabels(fileText(file, 'labels'), classes, path);
}

/**
 * @param text a preset's name or JSON
 * @throws OptionError for values that are not allowed, or a preset for another number of channels
 */
export function preprocessFrom(text: string, metadata: ModelMetadata, channels: number): PreprocessSpec {
  const isJson = text.trimStart().startsWith('{');
  const spec = isJson ? parsePreprocess(parsed(text)) : presetOf(text);
  checkChannels(spec, channels, isJson ? '' : text);
  return metadata.sourceInput ? beforeNetwork(spec, metadata.sourceInput) : spec;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`--preprocess is not valid JSON: ${cause instanceof Error ? cause.message : ''}`, { cause });
  }
}

/** Thresholds are those of a multi-label network. */
export function withThresholds(metadata: ModelMetadata, list: string | undefined, classes: number): ModelMetadata {
  if (list !== undefined) {
    if (classes === 0) throw new UsageError('--thresholds: the file has no classifier: leave it out');
    if (metadata.activation !== 'sigmoid' && metadata.activationOrigin === 'option')
      throw new UsageError(
        `--thresholds needs --activation sigmoid, but it is ${metadata.activation}: leave one of the two out`,
      );
    return {
      ...metadata,
      activation: 'sigmoid',
      activationOrigin: 'option',
      thresholds: thresholdsFrom(list, classes),
    };
  }
  const { thresholds, ...rest } = metadata;
  return metadata.activation === 'sigmoid' ? metadata : rest;
}

function thresholdsFrom(list: string, classes: number): number[] {
  const values = list.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const areInRange = values.every((value) => value >= 0 && value <= 1);
  if (areInRange && values.length === 1) return Array<number>(classes).fill(values[0] ?? 0);
  if (areInRange && values.length === classes) return values;
  throw new UsageError(`--thresholds is ${list}; it must be one number from 0 to 1, or ${classes} separated by commas`);
}
