/** The demo picks a preset for a checkpoint that names none: by its kind, with as many channels as it takes. */
import { expect, it } from 'vitest';
import { defaultPreprocess } from '../../demo/default-preprocess.js';
import { familyConfig } from '../../src/model/family.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { channelsOf } from '../../src/preprocess/spec.js';

it.each([
  ['densenet121', 3, 'pytorch', 'torchvision'],
  ['densenet121', 3, 'keras', 'keras'],
  ['densenet-bc-100-12', 3, 'keras', 'cifar10-std-0.247'],
  ['densenet-bc-100-12', 3, 'pytorch', 'cifar10-std-0.247'],
  ['densenet121', 1, 'pytorch', 'torchxrayvision'],
  ['densenet121', 2, 'onnx', null],
] as const)('%s of %i channels, from %s: %s', (name, inChannels, format, expected) => {
  const preset = defaultPreprocess({ ...familyConfig(name), inChannels }, format);
  expect(preset).toBe(expected);
  if (preset) expect(channelsOf(presetOf(preset))).toBe(inChannels);
});
