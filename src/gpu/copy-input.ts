/** Copies of a caller's GPU objects, made at the moment of the call: what the caller writes to them later does not count. */
import { RefusedError } from '../core/errors.js';
import type { Resources } from './resources.js';
import { TEXTURE_USAGE, USAGE } from './usage.js';

/** @param bytes to copy, a multiple of 4 @throws RefusedError when the GPU refuses: a destroyed buffer, another device's */
export async function copyBuffer(
  resources: Resources,
  what: string,
  source: GPUBuffer,
  bytes: number,
): Promise<GPUBuffer> {
  const usage = USAGE.COPY_SRC | USAGE.COPY_DST;
  return copied(resources, what, (encoder) => {
    const copy = resources.buffer('copy of an input', bytes, usage);
    encoder.copyBufferToBuffer(source, 0, copy, 0, bytes);
    return copy;
  });
}

/** Its first level. @throws RefusedError likewise */
export async function copyTexture(resources: Resources, what: string, source: GPUTexture): Promise<GPUTexture> {
  const { format, width, height } = source;
  const usage = TEXTURE_USAGE.TEXTURE_BINDING | TEXTURE_USAGE.COPY_DST;
  const bytes = width * height * (format === 'rgba16float' ? 8 : 4);
  return copied(resources, what, (encoder) => {
    const copy = resources.texture({ label: 'copy of an input', size: [width, height], format, usage }, bytes);
    encoder.copyTextureToTexture({ texture: source }, { texture: copy }, [width, height]);
    return copy;
  });
}

async function copied<T extends GPUBuffer | GPUTexture>(
  resources: Resources,
  what: string,
  record: (encoder: GPUCommandEncoder) => T,
): Promise<T> {
  const { device } = resources;
  device.pushErrorScope('validation');
  let refusal: Promise<GPUError | null> | undefined;
  try {
    const encoder = device.createCommandEncoder();
    const copy = record(encoder);
    device.queue.submit([encoder.finish()]);
    refusal = device.popErrorScope();
    const error = await refusal;
    if (!error) return copy;
    resources.release([copy]);
    throw new RefusedError(what, error.message, { cause: error });
  } finally {
    refusal ?? device.popErrorScope().catch(() => {});
  }
}
