/**
 * Tensors → the network that they make. Most models that pages load were written by the importer, or named by torchvision
 * or timm as we do, and fit: what reads other names, and says why tensors fit no network, is a file of its own.
 */

import { isDenseNetError, ModelFormatError, ModelShapeError } from '../core/errors.js';
import { fits } from '../model/check.js';
import type { DenseNetConfig } from '../model/config.js';
import { guessConfig } from '../model/derive.js';
import type { ModelMetadata } from '../model/model.js';
import { apart } from '../runtime/apart.js';
import type { TensorMap } from '../tensor/tensor.js';
import type { Interpretation } from './interpret.js';

/** A counter of training steps, which PyTorch keeps beside each batch norm. */
const COUNTER = /num_batches_tracked$/;

/**
 * The tensors under canonical names, and their network.
 *
 * @throws ModelShapeError, ModelFormatError as `interpretTensors`; DownloadError when its file is needed and not there
 */
export async function readNetwork(
  tensors: TensorMap,
  metadata: ModelMetadata,
): Promise<Pick<Interpretation, 'canonical' | 'config'>> {
  const canonical = new Map([...tensors].filter(([name]) => !COUNTER.test(name)));
  const config = configOf(canonical, metadata);
  if (config) return { canonical, config };
  const { interpretTensors } = await apart(
    'densenet-webgpu-names.js',
    'a model with these tensors',
    import('./interpret.js'),
  );
  try {
    return interpretTensors(tensors, metadata);
  } catch (cause) {
    throw ours(cause);
  }
}

/** Null unless all tensors are canonical and fit, and the metadata has as many entries as there are classes. */
function configOf(tensors: TensorMap, metadata: ModelMetadata): DenseNetConfig | null {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const config = guessConfig(shapes, metadata.bnEpsilon);
  const areCounted = [metadata.labels, metadata.thresholds].every((list) => !list || list.length === config.classes);
  return areCounted && fits(shapes, config) ? config : null;
}

/** That file has error classes of its own; callers compare with ours. */
function ours(error: unknown): unknown {
  if (isShapeError(error)) return new ModelShapeError(error.message, error.problems);
  return isFormatError(error) ? new ModelFormatError(error.message, error.context) : error;
}

const isShapeError = (error: unknown): error is ModelShapeError =>
  isDenseNetError(error) && error.name === 'ModelShapeError';
const isFormatError = (error: unknown): error is ModelFormatError =>
  isDenseNetError(error) && error.name === 'ModelFormatError';
