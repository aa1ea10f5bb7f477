/**
 * torchxrayvision keeps the operating point of each finding in its checkpoints: `op_threshs`, the probability from which
 * on it counts as present, NaN where none was chosen. Its networks are multi-label.
 */
import type { ModelMetadata } from '../model/model.js';
import { type TensorMap, toFloat32 } from '../tensor/tensor.js';

/** @returns nothing when the file has none */
export function operatingPoints(tensors: TensorMap): Pick<ModelMetadata, 'activation' | 'thresholds'> {
  const tensor = [...tensors.values()].find(({ name }) => /(^|\.)op_threshs$/.test(name));
  if (!tensor) return {};
  const thresholds = Array.from(toFloat32(tensor), (value) => (Number.isFinite(value) ? value : null));
  return { activation: 'sigmoid', thresholds };
}
