/** A picture through the preprocessor alone: what the network would be fed, before normalisation. Runs in browsers too. */

import { captureImage, type ImageSource } from '../../src/gpu/image-source.js';
import { PipelineCache } from '../../src/gpu/pipelines.js';
import { Preprocessor } from '../../src/gpu/preprocessor.js';
import { Resources } from '../../src/gpu/resources.js';
import { USAGE } from '../../src/gpu/usage.js';
import { channelsOf, inputSizeOf, type PreprocessSpec } from '../../src/preprocess/spec.js';

export interface Preprocessed {
  readonly width: number;
  readonly height: number;
  /** [pixel][4] of 0 to 255. */
  readonly values: Float32Array;
}

export async function preprocess(device: GPUDevice, spec: PreprocessSpec, source: ImageSource): Promise<Preprocessed> {
  const captured = captureImage(source, async (texture) => texture);
  const picture = await captured.open();
  const resources = new Resources(device);
  const size = inputSizeOf(spec) ?? [picture.height, picture.width];
  const identity = { ...spec, scale: 1, mean: spec.mean.map(() => 0), std: spec.std.map(() => 1) };
  const pipelines = new PipelineCache(device, { activations: 'f32', weights: 'f32' });
  const preprocessor = await Preprocessor.create(resources, pipelines, identity, {
    channels: channelsOf(spec),
    size,
    border: 0,
  });
  const bytes = size[0] * size[1] * 16;
  const usage = USAGE.STORAGE | USAGE.COPY_SRC;
  const destination = { buffer: device.createBuffer({ size: bytes, usage }), offset: 0, bytes };
  const staging = device.createBuffer({ size: bytes, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  const batch = await preprocessor.prepare([picture]);
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  batch.encode(pass, destination);
  pass.end();
  encoder.copyBufferToBuffer(destination.buffer, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  batch.release();
  await staging.mapAsync(1);
  const values = new Float32Array(staging.getMappedRange().slice(0));
  resources.destroy();
  captured.close();
  destination.buffer.destroy();
  staging.destroy();
  return { width: size[1], height: size[0], values };
}
