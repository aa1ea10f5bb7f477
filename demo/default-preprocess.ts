/** The preset to use when a checkpoint does not say how its images were prepared: what most of its kind expect. */

import type { CheckpointFormat } from 'densenet-webgpu/import';
import type { DenseNetConfig } from '../src/model/config.js';
import type { PRESETS } from '../src/preprocess/presets.js';

const KERAS_FORMATS: ReadonlySet<CheckpointFormat> = new Set(['keras-h5', 'keras', 'tfjs']);

/** Returns `null` for networks that take neither 1 nor 3 channels: no preset fits them. */
export function defaultPreprocess(
  { stem, inChannels }: DenseNetConfig,
  format: CheckpointFormat,
): keyof typeof PRESETS | null {
  if (inChannels === 1) return 'torchxrayvision';
  if (inChannels !== 3) return null;
  if (stem === 'cifar') return 'cifar10-std-0.247';
  return KERAS_FORMATS.has(format) ? 'keras' : 'torchvision';
}
