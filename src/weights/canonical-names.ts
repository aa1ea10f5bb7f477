/**
 * Most models that pages load were written by the importer, or named by torchvision or timm as we do: their names need no
 * reading. What reads other names is a file of its own, fetched when such a model comes.
 */
import { apart } from '../apart.js';
import { isDenseNetError, ModelShapeError } from '../errors.js';
import type { CanonicalTensors } from './canonicalise.js';
import type { TensorMap } from './tensor.js';

const CANONICAL =
  /^(features\.(conv0|norm0|norm5|denseblock\d+\.denselayer\d+\.(norm|conv)[12]|transition\d+\.(norm|conv))|classifier)\.\w+$/;
/** A counter of training steps, which PyTorch keeps beside each batch norm. */
const COUNTER = /num_batches_tracked$/;

/**
 * The tensors under canonical names.
 *
 * @throws ModelShapeError as `canonicalise`; DownloadError when the names have to be read and the file is not there
 */
export async function canonicalTensors(tensors: TensorMap): Promise<CanonicalTensors> {
  const used = [...tensors].filter(([name]) => !COUNTER.test(name));
  const isCanonical = used.every(
    ([name, { shape }]) => CANONICAL.test(name) && (shape.length < 3 || /conv/.test(name)),
  );
  if (isCanonical)
    return { scheme: 'torchvision', tensors: new Map(used), sources: new Map(used.map(([name]) => [name, name])) };
  const { canonicalise } = await apart(
    'densenet-webgpu-names.js',
    'a model with these names',
    import('./canonicalise.js'),
  );
  try {
    return canonicalise(tensors);
  } catch (cause) {
    // That file has error classes of its own; callers compare with ours.
    throw isShapeError(cause) ? new ModelShapeError(cause.message, cause.problems) : cause;
  }
}

const isShapeError = (error: unknown): error is ModelShapeError =>
  isDenseNetError(error) && error.name === 'ModelShapeError';
