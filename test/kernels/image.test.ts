/** Preprocessing on a real GPU against Pillow, torchvision and timm: bytes before normalisation, and the loss of none. */
import { describe, expect, it } from 'vitest';
import { inputSizeOf } from '../../src/preprocess/spec.js';
import { imageCases, picture } from '../fixtures/images.js';
import { hasDriver, withDevice } from './dawn.js';
import { preprocess } from './preprocess.js';

describe.skipIf(!hasDriver('swiftshader'))('preprocessing on swiftshader', () => {
  it.each(imageCases())(
    'equals the reference: $name',
    async ({ source: [width, height], spec, pixels, rowStep, isExact }) => {
      const [rows = 0, columns = 0, channels = 1] = pixels.shape;
      const size = inputSizeOf(spec) ?? [rows, columns];
      const { values: found } = await withDevice('swiftshader', ({ device }) =>
        preprocess(device, spec, picture(width, height)),
      );
      let largest = 0;
      for (const [i, byte] of pixels.bytes.entries()) {
        const [channel, x, row] = [
          i % channels,
          Math.floor(i / channels) % columns,
          Math.floor(i / channels / columns),
        ];
        const error = Math.abs((found[(row * rowStep * size[1] + x) * 4 + channel] ?? Number.NaN) - byte);
        if (!(error <= largest)) largest = error;
      }
      expect(largest, 'largest error, of 255').toBeLessThanOrEqual(isExact ? 0 : 1);
    },
  );
});
