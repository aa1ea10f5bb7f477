/** Tensors under any known naming scheme → canonical names and the network that they make, from names and shapes alone. */
import { ModelFormatError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { deriveConfig } from '../model/derive.js';
import type { ModelMetadata } from '../model/model.js';
import type { TensorMap } from '../tensor/tensor.js';
import { canonicalise } from './canonicalise.js';

/** Tensors under canonical names, and the network that they make. */
export interface Interpretation {
  readonly canonical: TensorMap;
  readonly config: DenseNetConfig;
  readonly scheme: string;
}

/** @throws ModelShapeError when they make no DenseNet; ModelFormatError when the metadata is another network's */
export function interpretTensors(tensors: TensorMap, metadata: ModelMetadata): Interpretation {
  const { scheme, sources, tensors: canonical } = canonicalise(tensors);
  const shapes = new Map([...canonical.values()].map(({ name, shape }) => [name, shape]));
  const config = deriveConfig(shapes, { ...metadata, scheme, sources });
  checkCounts(metadata, config);
  return { canonical, config, scheme };
}

/** @throws ModelFormatError unless there is a label and a threshold for each class, or none at all */
export function checkCounts(metadata: ModelMetadata, config: DenseNetConfig): void {
  for (const what of ['labels', 'thresholds'] as const) {
    const count = metadata[what]?.length ?? config.classes;
    if (count === config.classes) continue;
    const message = `bad model metadata: ${count} ${what} for a network of ${config.classes} classes`;
    throw new ModelFormatError(message, { format: 'safetensors' });
  }
}
