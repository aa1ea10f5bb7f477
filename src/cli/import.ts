/** `import`: a checkpoint of another framework → one safetensors file with everything that running it needs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ModelFormatError } from '../core/errors.js';
import { type ImportedCheckpoint, importCheckpoint } from '../import/checkpoint.js';
import type { ModelMetadata } from '../model/model.js';
import { parsePreprocess } from '../preprocess/parse.js';
import { PRESETS, presetOf } from '../preprocess/presets.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { writeModel } from '../weights/model-file.js';
import { readCatalog } from './catalog.js';
import {
  type Command,
  kilobytes,
  note,
  oneOf,
  parse,
  positive,
  print,
  printJson,
  table,
  UsageError,
} from './command.js';
import { besideOf } from './files.js';
import { checkConfig, namesFile, obtainCheckpoint } from './obtain-checkpoint.js';

const USAGE = `CHECKPOINT -o OUT.safetensors [--labels FILE] [--preprocess PRESET|JSON] [--activation softmax|sigmoid]
       [--thresholds P|P,P,…] [--dtype f32|f16] [--concat old-first|new-first] [--epsilon X] [--key NAME] [--name TEXT] [--provenance TEXT] [--licence TEXT]
       CATALOGUE-ID|hf:OWNER/NAME[@REVISION] [-o OUT.safetensors] [--mirror URL]
       --list [--json]

--list        the catalogue of public checkpoints: download, check and convert one by its id
--mirror      a site that serves the catalogue's files under the same paths
--labels      a text file with one class name per line, or a JSON array
--preprocess  one of ${Object.keys(PRESETS).join(', ')}; or a PreprocessSpec as JSON
--thresholds  multi-label: the probability from which on a class is present, one for all or one for each
--concat      new-first for nets that put new features in front of the old
--key         of a file that holds several networks: a dict's key, or what the network's names begin with`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  output: { type: 'string', short: 'o' },
  list: { type: 'boolean' },
  mirror: TEXT,
  labels: TEXT,
  preprocess: TEXT,
  activation: TEXT,
  thresholds: TEXT,
  dtype: TEXT,
  concat: TEXT,
  epsilon: TEXT,
  key: TEXT,
  name: TEXT,
  provenance: TEXT,
  licence: TEXT,
} as const;

export const importCommand: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [source, ...rest] = positionals;
    if (values.list && !source) return list(values.json ?? false);
    if (!source || rest.length > 0) throw new UsageError('import takes one checkpoint; see import --help');
    if (!values.output && namesFile(source)) throw new UsageError('import needs -o OUT.safetensors');
    const dtype = oneOf('dtype', values.dtype, ['f32', 'f16']) ?? 'f32';
    const concat = oneOf('concat', values.concat, ['old-first', 'new-first']);
    const epsilon = values.epsilon === undefined ? undefined : positive('epsilon', values.epsilon);
    const checkpoint = await obtainCheckpoint(source, values.mirror);
    const imported = await importCheckpoint(checkpoint.bytes, checkpoint.name, {
      ...(checkpoint.metadata.bnEpsilon === undefined ? {} : { bnEpsilon: checkpoint.metadata.bnEpsilon }),
      ...(values.key === undefined ? {} : { key: values.key }),
      ...(concat === undefined ? {} : { concat }),
      ...(epsilon === undefined ? {} : { bnEpsilon: epsilon }),
      beside: besideOf(checkpoint.name),
    });
    if (checkpoint.row) checkConfig(checkpoint.row, imported);
    const output = values.output ?? `${checkpoint.name}.safetensors`;
    const known = { ...imported, metadata: { ...checkpoint.metadata, ...imported.metadata } };
    const metadata: ModelMetadata = {
      ...scoring(known, values.activation, values.thresholds),
      ...(values.labels === undefined ? {} : { labels: labelsFrom(values.labels) }),
      ...(values.preprocess === undefined ? {} : { preprocess: preprocessFrom(values.preprocess) }),
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.provenance === undefined ? {} : { provenance: values.provenance }),
      ...(values.licence === undefined ? {} : { licence: values.licence }),
    };
    const file = writeModel(imported.tensors, metadata, dtype);
    writeFileSync(output, file);
    report(output, file.byteLength, imported, metadata, values.json ?? false);
    return 0;
  },
};

/** The catalogue as a table, or its rows as they are. */
function list(json: boolean): number {
  const rows = readCatalog();
  if (json) printJson(rows);
  else {
    const heading = ['id', 'parameters', 'input', 'classes', 'top 1', 'licence'];
    const cells = rows.map(({ id, parameters, inChannels, inputSize, classes, accuracy, licence }) => {
      const size = `${inChannels}×${inputSize.join('×')}`;
      return [id, parameters, size, classes, accuracy ? `${accuracy.top1.toFixed(1)} %` : '', licence];
    });
    for (const line of table([heading, ...cells])) print(line);
  }
  return 0;
}

function report(
  output: string,
  bytes: number,
  { config, source }: ImportedCheckpoint,
  metadata: ModelMetadata,
  json: boolean,
): void {
  if (json) {
    printJson({ output, bytes, config, source, metadata });
    return;
  }
  print(`${output}: ${kilobytes(bytes)}, from ${source.format} (names: ${source.scheme})`);
  print(
    `${config.stem} stem, blocks ${config.blocks.join('-')}, growth rate ${config.growthRate}, ${config.classes} classes`,
  );
  if (!metadata.preprocess) note('No preprocessing is known, so it takes tensors only: add --preprocess for pictures.');
  if (!metadata.labels) note('No class names are known: add --labels FILE.');
}

/** The imported metadata with what the options say of the scores. Thresholds are those of a multi-label network. */
function scoring({ metadata, config }: ImportedCheckpoint, activation?: string, list?: string): ModelMetadata {
  const chosen = oneOf('activation', activation, ['softmax', 'sigmoid']);
  if (list !== undefined) {
    if (chosen === 'softmax') throw new UsageError('--thresholds goes with --activation sigmoid');
    return { ...metadata, activation: 'sigmoid', thresholds: thresholdsFrom(list, config.classes) };
  }
  const { thresholds, ...rest } = metadata;
  if (chosen === 'softmax') return { ...rest, activation: chosen };
  return { ...metadata, ...(chosen === undefined ? {} : { activation: chosen }) };
}

function thresholdsFrom(list: string, classes: number): number[] {
  const values = list.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isRight = values.every((value) => value >= 0 && value <= 1);
  if (isRight && values.length === 1) return Array<number>(classes).fill(values[0] ?? 0);
  if (isRight && values.length === classes) return values;
  throw new UsageError(`--thresholds is ${list}; it must be one number from 0 to 1, or ${classes} with commas between`);
}

function labelsFrom(path: string): string[] {
  if (!existsSync(path)) throw new ModelFormatError(`there is no label file ${path}`, { format: 'labels' });
  const text = readFileSync(path, 'utf8');
  if (!text.trimStart().startsWith('[')) return text.replace(/\r/g, '').replace(/\n+$/, '').split('\n');
  const list = parseJson(text);
  if (Array.isArray(list) && list.every((label) => typeof label === 'string')) return list;
  throw new ModelFormatError(`${path} must be a JSON array of strings or one name per line`, { format: 'labels' });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function preprocessFrom(text: string): PreprocessSpec {
  if (!text.trimStart().startsWith('{')) return presetOf(text);
  try {
    return parsePreprocess(JSON.parse(text));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new UsageError(`--preprocess is no JSON: ${cause.message}`, { cause });
    throw cause;
  }
}
