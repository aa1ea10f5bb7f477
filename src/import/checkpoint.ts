/** Any checkpoint → canonical tensors and what the file says about them. */
import { ModelFormatError, ModelShapeError, OptionError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { decodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { readSafetensors } from '../tensor/safetensors.js';
import type { TensorMap } from '../tensor/tensor.js';
import { type Interpretation, interpretTensors } from '../weights/interpret.js';
import { oldFeaturesFirst } from './concat-order.js';
import type { Decoded, ReadBeside } from './decoded.js';
import { readKerasArchive, readKerasH5 } from './keras/index.js';
import { looksLikeKeras } from './keras/sniff.js';
import { explainMisfit } from './misfit.js';
import { entriesUnder } from './one-of-several.js';
import { readOnnx } from './onnx/index.js';
import { looksLikeOnnx } from './onnx/sniff.js';
import { operatingPoints } from './operating-points.js';
import { readPyTorch } from './pytorch/index.js';
import { readTfjs } from './tfjs/index.js';
import { looksLikeTfjs } from './tfjs/sniff.js';
import { describeUnknown } from './unknown-file.js';

export interface ImportOptions {
  /** Where a file holds several networks: the key of a PyTorch file's dict, or what the network's names begin with. */
  readonly key?: string;
  /** `new-first`: the net concatenates new features in front of the old; its weights are permuted. */
  readonly concat?: 'old-first' | 'new-first';
  /** Overrides what the framework implies: 1e-5, Keras 1.001e-5. */
  readonly bnEpsilon?: number;
  /** Reads the files that a TensorFlow.js model.json names beside it. */
  readonly beside?: ReadBeside;
}

export type CheckpointFormat = 'safetensors' | 'pytorch' | 'onnx' | 'keras-h5' | 'keras' | 'tfjs';

export interface ImportedCheckpoint {
  /** Under canonical names, checked against `config`; ready for `writeModel`. */
  readonly tensors: TensorMap;
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
  readonly source: { readonly format: CheckpointFormat; readonly scheme: string; readonly fileName: string };
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
  const format = sniff(bytes, fileName);
  const decoded = await decode(format, bytes, options);
  if (decoded.shown) checkOptions(options, decoded.shown, fileName);
  const bnEpsilon = options.bnEpsilon ?? decoded.metadata.bnEpsilon;
  // A model file that says new-first has been through here: its weights are permuted already.
  const isNewFirst = (decoded.shown ?? options).concat === 'new-first' && decoded.metadata.concat === undefined;
  const metadata: ModelMetadata = {
    ...operatingPoints(decoded.tensors),
    ...decoded.metadata,
    ...(bnEpsilon === undefined ? {} : { bnEpsilon }),
    ...(isNewFirst ? { concat: 'new-first' } : {}),
  };
  const { canonical, config, scheme } = interpret(decoded.tensors, metadata);
  const tensors = isNewFirst ? oldFeaturesFirst(canonical, config) : canonical;
  return {
    tensors,
    config,
    metadata,
    source: { format, scheme: format === 'onnx' ? 'by topology' : scheme, fileName },
  };
}

/** @throws OptionError when an option contradicts what the file's graph shows */
function checkOptions(options: ImportOptions, shown: Required<Decoded>['shown'], fileName: string): void {
  for (const key of ['concat', 'bnEpsilon'] as const) {
    if (options[key] === undefined || options[key] === shown[key]) continue;
    throw new OptionError(
      key,
      `${key} is ${options[key]}, but the graph in "${fileName}" has ${shown[key]}: leave it out`,
    );
  }
}

function interpret(tensors: TensorMap, metadata: ModelMetadata): Interpretation {
  try {
    return interpretTensors(tensors, metadata);
  } catch (error) {
    throw error instanceof ModelShapeError ? explainMisfit(error, tensors) : error;
  }
}

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
      return { tensors: chosen(tensors, options.key), metadata: decodeMetadata(metadata) };
    }
    case 'pytorch': {
      return { tensors: readPyTorch(bytes, options.key), metadata: {} };
    }
    case 'onnx': {
      return readOnnx(bytes);
    }
    case 'keras-h5': {
      return readKerasH5(bytes, options.bnEpsilon !== undefined);
    }
    case 'keras': {
      return readKerasArchive(bytes);
    }
    case 'tfjs': {
      return readTfjs(bytes, options.beside);
    }
  }
}

/** @throws ModelFormatError when no name begins with the key */
function chosen(tensors: TensorMap, key: string | undefined): TensorMap {
  if (key === undefined) return tensors;
  const found = entriesUnder(tensors, key);
  if (found.size > 0) return found;
  const some = [...tensors.keys()].slice(0, 5).join(', ');
  throw new ModelFormatError(`no tensor is named "${key}.…": the names begin ${some}`, { format: 'safetensors' });
}

/** @throws ModelFormatError when no known format begins so */
function sniff(bytes: Uint8Array, fileName: string): CheckpointFormat {
  const [a, b, c, d] = bytes;
  if (a === 0x50 && b === 0x4b && c === 3 && d === 4) return looksLikeKeras(bytes) ? 'keras' : 'pytorch';
  if (a === 0x80 && b !== undefined && b <= 5) return 'pytorch';
  if (bytes[8] === 0x7b && bytes[7] === 0) return 'safetensors';
  if (a === 0x89 && b === 0x48 && c === 0x44 && d === 0x46) return 'keras-h5';
  if (looksLikeTfjs(bytes)) return 'tfjs';
  if (looksLikeOnnx(bytes)) return 'onnx';
  throw new ModelFormatError(
    `"${fileName}" is none of the checkpoint formats that can be imported (safetensors, PyTorch, ONNX, Keras, TensorFlow.js): ${describeUnknown(bytes)}`,
    { format: 'unknown', offset: 0 },
  );
}
