/**
 * The model file: safetensors in, a folded model with its metadata out; and the writer that importers use.
 */

import { decodeMetadata, encodeMetadata } from '../model/metadata.js';
import type { FoldedModel, ModelMetadata } from '../model/model.js';
import { expectedTensors, names } from '../model/tensors.js';
import { float32ToFloat16 } from '../tensor/float16.js';
import { toInt8 } from '../tensor/int8.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import { type Tensor, type TensorMap, toFloat32 } from '../tensor/tensor.js';
import { foldModel } from './fold.js';
import { interpretTensors } from './interpret.js';

/** A model as a network is built from it. The architecture is `folded.config`. */
export interface Model {
  readonly folded: FoldedModel;
  readonly metadata: ModelMetadata;
  /** The naming scheme of its tensors. */
  readonly scheme: string;
}

/**
 * Reads a safetensors model under any known naming scheme.
 *
 * @param known of what the file does not say itself
 * @throws ModelFormatError when the file or a value in it is bad; ModelShapeError when it is no DenseNet
 */
export function readModel(bytes: Uint8Array, known: ModelMetadata = {}): Model {
  const { tensors, metadata } = readSafetensors(bytes);
  return modelFromTensors(tensors, { ...known, ...decodeMetadata(metadata) });
}

/**
 * Tensors under any known naming scheme → model.
 *
 * @throws as {@link readModel}
 */
export function modelFromTensors(tensors: TensorMap, metadata: ModelMetadata): Model {
  const { canonical, config, scheme } = interpretTensors(tensors, metadata);
  return { folded: foldModel(canonical, config), metadata, scheme };
}

/**
 * How weights are stored. `f16` halves the file, `int8` halves it once more: convolutions as integers with a scale for each
 * output channel, the first convolution and the dense layers of the head as f16. The vectors of batch norms stay f32,
 * as running variances need range.
 */
export const STORAGE_TYPES = ['f32', 'f16', 'int8'] as const;
export type StorageType = (typeof STORAGE_TYPES)[number];

/**
 * A model file with canonical names, in the network's order: the same network gives the same bytes.
 *
 * @param tensors under any known scheme; they must make a DenseNet
 * @throws ModelShapeError when they do not, ModelFormatError when a value is bad or a weight is beyond f16
 */
export function writeModel(
  tensors: TensorMap,
  metadata: ModelMetadata,
  storage: StorageType = 'f32',
): Uint8Array<ArrayBuffer> {
  const { canonical, config } = interpretTensors(tensors, metadata);
  foldModel(canonical, config);
  const ordered = [...expectedTensors(config).keys()].flatMap((name) => canonical.get(name) ?? []);
  const stored = ordered.map((tensor) => store(tensor, storage));
  return writeSafetensors(stored, encodeMetadata(metadata));
}

function store(tensor: Tensor, storage: StorageType): Tensor {
  const values = toFloat32(tensor);
  const { name, shape } = tensor;
  if (storage === 'int8' && shape.length > 2 && name !== `${names.stemConv}.weight`) return toInt8(tensor);
  if (storage !== 'f32' && shape.length > 1) {
    const halves = float32ToFloat16(name, values);
    return { name, shape, dtype: 'F16', bytes: new Uint8Array(halves.buffer) };
  }
  return { name, shape, dtype: 'F32', bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}
