/** Keras models that look like ours and compute something else: why, and what to do. */
import { ModelFormatError } from '../../core/errors.js';

const LONGEST_REASON = 500;

export function refuse(layer: string, what: string, repair?: string): ModelFormatError {
  const advice = repair === undefined ? '' : `: ${repair}`;
  // Names and options are the file's own, and may be of any length.
  const reason = what.length > LONGEST_REASON ? `${what.slice(0, LONGEST_REASON)}…` : what;
  return new ModelFormatError(`this Keras model cannot be run: layer "${layer}" ${reason}${advice}`, {
    format: 'keras',
    tensor: layer,
  });
}

/**
 * With `padding="same"` and a stride, TensorFlow pads an even side by 2 before and 3 after for the 7×7 convolution, by
 * 0 and 1 for the pool, where every other DenseNet pads by 3 and 3, 1 and 1: its windows lie one pixel further on.
 */
export const SAME_PADDING =
  'pads as "same" with a stride: at even sizes its windows lie one pixel further on than in the DenseNets of ' +
  'keras.applications, torchvision and the paper, and this runtime computes those';

/** KerasHub's stem pads as "same", and its files do not list their layers. `null` for other names. */
export function kerasHubRefusal(name: string): ModelFormatError | null {
  if (!/keras_hub|keras_nlp|keras_cv|DenseNetBackbone|DenseNetImageClassifier|dense_net_backbone/i.test(name))
    return null;
  return refuse(
    'conv1_conv',
    `of this KerasHub model ${SAME_PADDING}`,
    'use keras.applications.DenseNet121 or its kin',
  );
}
