/** How a bare checkpoint's pictures were prepared, which its file does not say: what most of its kind expect. */
import type { PRESETS } from '../src/image/presets.js';
import type { DenseNetConfig } from '../src/model/config.js';

/** @returns `null` for networks over other than grey and colour pictures, which no preset serves */
export function assumedPreset({ stem, inChannels }: DenseNetConfig): keyof typeof PRESETS | null {
  if (inChannels === 1) return 'torchxrayvision';
  if (inChannels !== 3) return null;
  return stem === 'imagenet' ? 'torchvision' : 'cifar10';
}
