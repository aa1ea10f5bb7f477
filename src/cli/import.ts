/** `import`: converts a checkpoint of another framework to one safetensors file with all that running it needs. */
import { writeFileSync } from 'node:fs';
import { type ImportedCheckpoint, type ImportOptions, importCheckpoint } from '../import/checkpoint.js';
import { describeHead } from '../import/facts.js';
import type { ModelMetadata } from '../model/model.js';
import { STORAGE_TYPES, writeModel } from '../weights/model-file.js';
import { readCatalog } from './catalog.js';
import { type Command, oneOf, parse, UsageError } from './command.js';
import {
  IMPORT_USAGE,
  labelsFrom,
  NETWORK_OPTIONS,
  networkOptions,
  preprocessFrom,
  withThresholds,
} from './import-options.js';
import { checkConfig, isFileName, openCheckpoint, siblingReader } from './model-source.js';
import { kilobytes, note, print, printJson, table } from './terminal.js';

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  ...NETWORK_OPTIONS,
  output: { type: 'string', short: 'o' },
  list: { type: 'boolean' },
  mirror: TEXT,
  labels: TEXT,
  preprocess: TEXT,
  thresholds: TEXT,
  weights: TEXT,
  /** The older name of `weights`. */
  dtype: TEXT,
  name: TEXT,
  provenance: TEXT,
  license: TEXT,
  /** The older spelling of `license`. */
  licence: TEXT,
} as const;

/** What the networks of the catalogue compute where their weights do not show it. */
const PUBLISHED: ImportOptions = {
  concat: 'old-first',
  stemPool: true,
  stemStride: 2,
  finalRelu: true,
  pooling: 'average',
};

export const importCommand: Command = {
  usage: IMPORT_USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [source, ...rest] = positionals;
    if (values.list && !source) return list(values.json ?? false);
    if (!source || rest.length > 0)
      throw new UsageError('import takes one checkpoint; run import --help for its options');
    if (!values.output && isFileName(source))
      throw new UsageError('import needs -o OUT.safetensors: the name of the file to write');
    const storage = oneOf('weights', values.weights ?? values.dtype, STORAGE_TYPES) ?? 'f32';
    const options = networkOptions(values);
    const checkpoint = await openCheckpoint(source, values.mirror);
    const { bnEpsilon, activation } = checkpoint.metadata;
    const imported = await importCheckpoint(checkpoint.bytes, checkpoint.name, {
      ...(checkpoint.row ? PUBLISHED : {}),
      ...(bnEpsilon === undefined ? {} : { bnEpsilon }),
      ...(activation === undefined ? {} : { activation }),
      ...options,
      readSibling: siblingReader(checkpoint.name),
    });
    if (checkpoint.row) checkConfig(checkpoint.row, imported);
    const output = values.output ?? `${checkpoint.name}.safetensors`;
    const { inChannels, classes } = imported.config;
    const isPublished = activation !== undefined && options.activation === undefined;
    const published: ModelMetadata = {
      ...checkpoint.metadata,
      ...imported.metadata,
      ...(isPublished ? { activationOrigin: 'file' } : {}),
    };
    const license = values.license ?? values.licence;
    const { labels, preprocess } = values;
    const metadata: ModelMetadata = {
      ...withThresholds(published, values.thresholds, classes),
      ...(labels === undefined ? {} : { labels: labelsFrom(labels, classes) }),
      ...(preprocess === undefined ? {} : { preprocess: preprocessFrom(preprocess, published, inChannels) }),
      ...(values.name === undefined ? {} : { name: values.name }),
      ...(values.provenance === undefined ? {} : { provenance: values.provenance }),
      ...(license === undefined ? {} : { license }),
    };
    const file = writeModel(imported.tensors, metadata, storage);
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
  { config, source, notes }: ImportedCheckpoint,
  metadata: ModelMetadata,
  json: boolean,
): void {
  if (json) {
    printJson({ output, bytes, config, source, metadata, notes });
    return;
  }
  print(`${output}: ${kilobytes(bytes)}, from ${source.format} (names: ${source.scheme})`);
  print(
    `${config.stem} stem, blocks ${config.blocks.join('-')}, growth rate ${config.growthRate}, ${describeHead(config, metadata)}`,
  );
  for (const sentence of notes) note(sentence);
  if (!metadata.preprocess)
    note('No preprocessing is known, so the model takes tensors only: add --preprocess to classify pictures.');
  if (!metadata.labels && config.classes > 0) note('No class names are known: add --labels FILE.');
}
