/** A bare checkpoint on the demo page gets the preset of its kind, with as many channels as it takes. */
import { expect, it } from 'vitest';
import { assumedPreset } from '../../demo/assumed.js';
import { presetOf } from '../../src/image/presets.js';
import { channelsOf } from '../../src/image/spec.js';
import { familyConfig } from '../../src/model/config.js';

it.each([
  ['densenet121', 3, 'torchvision'],
  ['densenet-bc-100-12', 3, 'cifar10'],
  ['densenet121', 1, 'torchxrayvision'],
  ['densenet121', 2, null],
])('%s of %i channels: %s', (name, inChannels, expected) => {
  const preset = assumedPreset({ ...familyConfig(name), inChannels });
  expect(preset).toBe(expected);
  if (preset) expect(channelsOf(presetOf(preset))).toBe(inChannels);
});
