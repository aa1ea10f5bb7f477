/** Any checkpoint → canonical tensors and what the file says about them. */
import { ModelFormatError, OptionError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { unusualFacts } from '../model/derive.js';
import { decodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { withoutScale } from '../tensor/int8.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { type TensorMap, toFloat32 } from '../tensor/tensor.js';
import { interpretTensors } from '../weights/interpret.js';
import { Budget } from './budget.js';
import { entriesUnder } from './checkpoint-key.js';
import { oldFeaturesFirst } from './concat-order.js';
import type { Decoded, ReadSibling } from './decoded.js';
import { type CheckpointFormat, detectFormat } from './detect-format.js';
import { activationFacts, assumedFacts, checkOptions, describeAssumed } from './facts.js';
import { readKerasArchive, readKerasH5 } from './keras/index.js';
import { readOnnx } from './onnx/index.js';
import { readPyTorch } from './pytorch/index.js';
import { type ReadOptions, readNetwork } from './read-network.js';
import { withPreprocessing } from './source-input.js';
import { readTfjs } from './tfjs/index.js';

export interface ImportOptions extends ReadOptions {
  /** Where a file holds several networks: the key of a PyTorch file's dict, or what the network's names begin with. */
  readonly key?: string;
  /** Reads the files that a TensorFlow.js model.json names. */
  readonly readSibling?: ReadSibling;
  /** The former name of `readSibling`. */
  readonly beside?: ReadSibling;
}

export interface ImportedCheckpoint {
  /** Under canonical names, checked against `config`; ready for `writeModel`. */
  readonly tensors: TensorMap;
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
  readonly source: { readonly format: CheckpointFormat; readonly scheme: string; readonly fileName: string };
  /** What was taken for granted, ignored or guessed, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Reads a checkpoint; the format is told by its first bytes, not by its name.
 *
 * @throws ModelFormatError when it cannot be read, ModelShapeError when it is no DenseNet
 */
export async function importCheckpoint(
  bytes: Uint8Array,
  fileName: string,
  options: ImportOptions = {},
): Promise<ImportedCheckpoint> {
  const format = detectFormat(bytes, fileName);
  const decoded = await decode(format, bytes, options);
  const network = readNetwork(decoded, options, new Budget(BUDGET_FORMATS[format], bytes.length));
  checkOptions(options, network.known, fileName);
  const own = decoded.metadata;
  // A model file has been through here: its weights are permuted already, and it says what is assumed.
  const isModelFile = own.activation !== undefined;
  const isNewFirst = (network.known.concat ?? options.concat) === 'new-first' && own.concat === undefined;
  const points = 'tensors' in decoded ? operatingPoints(decoded.tensors) : {};
  const assumed = isModelFile ? (own.assumed ?? []) : [...assumedFacts(options, network.known), ...network.assumed];
  const said: ModelMetadata = {
    ...points,
    ...own,
    ...(network.facts.bnEpsilon === undefined ? {} : { bnEpsilon: network.facts.bnEpsilon }),
    ...(assumed.length > 0 ? { assumed } : {}),
    ...(isNewFirst ? { concat: 'new-first' } : {}),
    ...(network.sourceInput ? { sourceInput: network.sourceInput } : {}),
  };
  const { canonical, config } = interpretTensors(network.tensors, { ...said, ...network.facts });
  const metadata = {
    ...said,
    ...unusualFacts(config),
    ...activationFacts(options, network.known, said, config.classes),
  };
  const sentence = describeAssumed(metadata, config);
  return {
    tensors: isNewFirst ? oldFeaturesFirst(canonical, config) : canonical,
    config,
    metadata: withPreprocessing(metadata, network, config.inChannels),
    source: { format, scheme: network.scheme, fileName },
    notes: [
      ...network.notes,
      ...(config.classes === 0 ? [NO_CLASSIFIER] : []),
      ...(sentence === null ? [] : [sentence]),
    ],
  };
}

const NO_CLASSIFIER =
  'The file has no classifier: embed() and taps() give its features; classify(), run() and explain() need one.';

async function decode(format: CheckpointFormat, bytes: Uint8Array, options: ImportOptions): Promise<Decoded> {
  if (options.key !== undefined && format !== 'safetensors' && format !== 'pytorch') {
    throw new OptionError(
      'key',
      `key chooses a network of a PyTorch or safetensors file; this is ${format}: leave it out`,
    );
  }
  switch (format) {
    case 'safetensors': {
      const { tensors, metadata } = readSafetensors(bytes);
      const floats = new Map([...tensors].map(([name, tensor]) => [name, withoutScale(tensor)]));
      return { tensors: chosen(floats, options.key), metadata: decodeMetadata(metadata) };
    }
    case 'pytorch': {
      const { tensors, modules, script } = readPyTorch(bytes, options.key);
      if (script && 'graph' in script) return { graph: script.graph, metadata: {} };
      const notes = script
        ? [`TorchScript's forward() could not be followed (${script.why}): read as weights alone.`]
        : [];
      return { tensors, modules, metadata: {}, notes };
    }
    case 'onnx': {
      return { graph: readOnnx(bytes), metadata: {} };
    }
    case 'keras-h5': {
      return readKerasH5(bytes, options.bnEpsilon !== undefined);
    }
    case 'keras': {
      return readKerasArchive(bytes);
    }
    case 'tfjs': {
      return readTfjs(bytes, options.readSibling ?? options.beside);
    }
  }
}

/** Whose errors say that the budget is spent. */
const BUDGET_FORMATS = {
  safetensors: 'safetensors',
  pytorch: 'pytorch',
  onnx: 'onnx',
  'keras-h5': 'keras',
  keras: 'keras',
  tfjs: 'tfjs',
} as const satisfies Record<CheckpointFormat, string>;

/** @throws ModelFormatError when no name begins with the key */
function chosen(tensors: TensorMap, key: string | undefined): TensorMap {
  if (key === undefined) return tensors;
  const found = entriesUnder(tensors, key);
  if (found.size > 0) return found;
  const some = [...tensors.keys()].slice(0, 5).join(', ');
  throw new ModelFormatError(`no tensor is named "${key}.…": the names begin ${some}`, { format: 'safetensors' });
}

/**
 * torchxrayvision keeps the operating point of each finding in its checkpoints: `op_threshs`, the probability from which
 * on it counts as present, NaN where none was chosen. Its networks are multi-label.
 */
function operatingPoints(tensors: TensorMap): Pick<ModelMetadata, 'activation' | 'thresholds'> {
  const tensor = [...tensors.values()].find(({ name }) => /(^|\.)op_threshs$/.test(name));
  if (!tensor) return {};
  const thresholds = Array.from(toFloat32(tensor), (value) => (Number.isFinite(value) ? value : null));
  return { activation: 'sigmoid', thresholds };
}
