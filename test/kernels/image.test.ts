/** Preprocessing on a real GPU against Pillow, torchvision and timm: bytes before normalisation, and the loss of none. */
import { describe, expect, it } from 'vitest';
import { PipelineCache } from '../../src/gpu/pipelines.js';
import { USAGE } from '../../src/gpu/usage.js';
import { Preprocessor } from '../../src/image/preprocessor.js';
import { openPicture } from '../../src/image/source.js';
import { channelsOf, inputSizeOf, type PreprocessSpec } from '../../src/image/spec.js';
import { imageCases, picture } from '../fixtures/images.js';
import { type Dawn, hasDriver, withDevice } from './dawn.js';
import { F32 } from './harness.js';

/** The network's input for a picture, [pixel][4] of f32, before normalisation. */
async function preprocess(
  { device }: Dawn,
  spec: PreprocessSpec,
  width: number,
  height: number,
  size: readonly [number, number],
): Promise<Float32Array> {
  const identity = { ...spec, scale: 1, mean: spec.mean.map(() => 0), std: spec.std.map(() => 1) };
  const preprocessor = await Preprocessor.create(device, new PipelineCache(device, F32), identity, {
    channels: channelsOf(spec),
    size,
  });
  const bytes = size[0] * size[1] * 16;
  const usage = USAGE.STORAGE | USAGE.COPY_SRC;
  const destination = { buffer: device.createBuffer({ size: bytes, usage }), offset: 0, bytes };
  const staging = device.createBuffer({ size: bytes, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  const batch = await preprocessor.prepare([await openPicture(picture(width, height), 8192)]);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  batch.encode(pass, destination);
  pass.end();
  encoder.copyBufferToBuffer(destination.buffer, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  batch.release();
  await staging.mapAsync(1);
  const result = new Float32Array(staging.getMappedRange().slice(0));
  preprocessor.dispose();
  return result;
}

/** torchvision resizes tensors without antialiasing in one pass of floating point, not in two with bytes between. */
const IN_FLOATING_POINT = 'without antialiasing';

describe.skipIf(!hasDriver('swiftshader'))('preprocessing on swiftshader', () => {
  it.each(imageCases())(
    'equals the reference: $name',
    async ({ name, source: [width, height], spec, pixels, rowStep }) => {
      const [rows = 0, columns = 0, channels = 1] = pixels.shape;
      const size = inputSizeOf(spec) ?? [rows, columns];
      const found = await withDevice('swiftshader', (context) => preprocess(context, spec, width, height, size));
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
      expect(largest, 'largest error, of 255').toBeLessThanOrEqual(name === IN_FLOATING_POINT ? 1 : 0);
    },
  );
});
