/** `import`: converts a checkpoint of another framework to one safetensors file with all that running it needs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { ModelFormatError } from '../core/errors.js';
import { type ImportedCheckpoint, importCheckpoint } from '../import/checkpoint.js';
import type { ModelMetadata } from '../model/model.js';
import { parsePreprocess } from '../preprocess/parse.js';
import { PRESETS, presetOf } from '../preprocess/presets.js';
import type { PreprocessSpec } from '../preprocess/spec.js';
import { writeModel } from '../weights/model-file.js';
import { readCatalog } from './catalog.js';
import { type Command, oneOf, parse, positive, UsageError } from './command.js';
import { checkConfig, isFileName, openCheckpoint, siblingReader } from './model-source.js';
import { kilobytes, note, print, printJson, table } from './terminal.js';

const USAGE = `CHECKPOINT -o OUT.safetensors [--labels FILE] [--preprocess PRESET|JSON] [--activation softmax|sigmoid]
       [--thresholds P|P,P,…] [--dtype f32|f16] [--concat old-first|new-first] [--epsilon X] [--key NAME] [--name TEXT] [--provenance TEXT] [--license TEXT]
       CATALOGUE-ID|hf:OWNER/NAME[@REVISION] [-o OUT.safetensors] [--mirror URL]
       --list [--json]

--list        lists the catalogue of public checkpoints; import one by its id to download, check and convert it
--mirror      a site that serves the catalogue's files under the same paths
--labels      a text file with one class name per line, or a JSON array
--preprocess  one of ${Object.keys(PRESETS).join(', ')}; or a PreprocessSpec as JSON
--thresholds  for a multi-label network: the least probability of a class that is present, one for all or one per class
--concat      new-first for a network that puts new features in front of the old ones
--key         for a file with several networks: a dict's key, or the prefix of the network's tensor names`;

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
  license: TEXT,
  /** The older spelling of `license`. */
  licence: TEXT,
} as const;

export const importCommand: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [source, ...rest] = positionals;
    if (values.list && !source) return list(values.json ?? false);
    if (!source || rest.length > 0)
      throw new UsageError('import takes one checkpoint; run import --help for its options');
    if (!values.output && isFileName(source))
      throw new UsageError('import needs -o OUT.safetensors: the name of the file to write');
    const dtype = oneOf('dtype', values.dtype, ['f32', 'f16']) ?? 'f32';
    const concat = oneOf('concat', values.concat, ['old-first', 'new-first']);
    const epsilon = values.epsilon === undefined ? undefined : positive('epsilon', values.epsilon);
    const checkpoint = await openCheckpoint(source, values.mirror);
    const imported = await importCheckpoint(checkpoint.bytes, checkpoint.name, {
      ...(checkpoint.metadata.bnEpsilon === undefined ? {} : { bnEpsilon: checkpoint.metadata.bnEpsilon }),
      ...(values.key === undefined ? {} : { key: values.key }),
      ...(concat === undefined ? {} : { concat }),
      ...(epsilon === undefined ? {} : { bnEpsilon: epsilon }),
      readSibling: siblingReader(checkpoint.name),
    });
    if (checkpoint.row) checkConfig(checkpoint.row, imported);
    const output = values.output ?? `${checkpoint.name}.safetensors`;
    const published = { ...imported, metadata: { ...checkpoint.metadata, ...imported.metadata } };
    const license = values.license ?? values.licence;
    const metadata: ModelMetadata = {
      ...withScoring(published, values.activation, values.thresholds),
      ...(values.labels === undefined ? {} : { labels: labelsFrom(values.labels) }),
      ...(values.preprocess === undefined ? {} : { preprocess: preprocessFrom(values.preprocess) }),
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.provenance === undefined ? {} : { provenance: values.provenance }),
      ...(license === undefined ? {} : { license }),
    };
    const file = writeModel(imported.tensors, metadata, dtype);
    writeFileSync(output, file);
    report(output, file.byteLength, imported, metadata, values.json ?? false);
    return 0;
  },
};

/** Prints the catalogue as a table, or as JSON. */
function list(json: boolean): number {
  const rows = readCatalog();
  if (json) printJson(rows);
  else {
    const heading = ['id', 'parameters', 'input', 'classes', 'top 1', 'license'];
    const cells = rows.map(({ id, parameters, inChannels, inputSize, classes, accuracy, license }) => {
      const size = `${inChannels}×${inputSize.join('×')}`;
      return [id, parameters, size, classes, accuracy ? `${accuracy.top1.toFixed(1)} %` : '', license];
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
  if (!metadata.preprocess)
    note('No preprocessing is known, so the model takes tensors only: add --preprocess to classify pictures.');
  if (!metadata.labels) note('No class names are known: add --labels FILE.');
}

/** The imported metadata with --activation and --thresholds applied; thresholds imply sigmoid. */
function withScoring({ metadata, config }: ImportedCheckpoint, activation?: string, list?: string): ModelMetadata {
  const chosen = oneOf('activation', activation, ['softmax', 'sigmoid']);
  if (list !== undefined) {
    if (chosen === 'softmax')
      throw new UsageError('--thresholds needs --activation sigmoid, but it is softmax: leave one of the two out');
    return { ...metadata, activation: 'sigmoid', thresholds: thresholdsFrom(list, config.classes) };
  }
  const { thresholds, ...rest } = metadata;
  if (chosen === 'softmax') return { ...rest, activation: chosen };
  return { ...metadata, ...(chosen === undefined ? {} : { activation: chosen }) };
}

function thresholdsFrom(list: string, classes: number): number[] {
  const values = list.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const areInRange = values.every((value) => value >= 0 && value <= 1);
  if (areInRange && values.length === 1) return Array<number>(classes).fill(values[0] ?? 0);
  if (areInRange && values.length === classes) return values;
  throw new UsageError(`--thresholds is ${list}; it must be one number from 0 to 1, or ${classes} separated by commas`);
}

function labelsFrom(path: string): string[] {
  if (!existsSync(path))
    throw new ModelFormatError(`there is no label file ${path}: check --labels`, { format: 'labels' });
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
    if (cause instanceof SyntaxError)
      throw new UsageError(`--preprocess is not valid JSON: ${cause.message}`, { cause });
    throw cause;
  }
}
