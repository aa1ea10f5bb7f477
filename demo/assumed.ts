/** How a bare checkpoint's pictures were prepared, which its file does not say: what most of its kind expect. */

import type { CheckpointFormat } from 'densenet-webgpu/import';
import type { DenseNetConfig } from '../src/model/config.js';
import type { PRESETS } from '../src/preprocess/presets.js';

const KERAS: ReadonlySet<CheckpointFormat> = new Set(['keras-h5', 'keras', 'tfjs']);

/** @returns `null` for networks over other than grey and colour pictures, which no preset serves */
export function assumedPreset(
  { stem, inChannels }: DenseNetConfig,
  format: CheckpointFormat,
): keyof typeof PRESETS | null {
  if (inChannels === 1) return 'torchxrayvision';
  if (inChannels !== 3) return null;
  if (stem === 'cifar') return 'cifar10';
  return KERAS.has(format) ? 'keras' : 'torchvision';
}
