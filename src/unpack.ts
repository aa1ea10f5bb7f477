/** Feature maps out of the arena's layout: NC/4HW4, in f32 or f16, to NCHW in f32. */
import type { TapResult } from './api.js';
import { channelSlots } from './model/channels.js';
import type { Tap } from './plan/network.js';
import { toFloat32 } from './weights/tensor.js';

/** Bytes of a region as floats; f16 is widened. */
export function toFloats(bytes: Uint8Array, stored: 'f32' | 'f16'): Float32Array {
  if (stored === 'f32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return toFloat32({ name: 'activations', dtype: 'F16', shape: [bytes.byteLength / 2], bytes });
}

/** @param bytes of the tap's whole region */
export function unpackTap(tap: Tap, batch: number, bytes: Uint8Array, stored: 'f32' | 'f16'): TapResult {
  const values = toFloats(bytes, stored);
  const [height, width] = tap.size;
  const pixels = height * width;
  const { channels } = tap.layout;
  const data = new Float32Array(batch * channels * pixels);
  for (const [channel, slot] of channelSlots(tap.layout).entries()) {
    for (let n = 0; n < batch; n++) {
      const from = ((slot >> 2) * tap.plane + n * pixels) * 4 + (slot & 3);
      const to = (n * channels + channel) * pixels;
      for (let p = 0; p < pixels; p++) data[to + p] = values[from + 4 * p] ?? 0;
    }
  }
  return { shape: [batch, channels, height, width], data };
}

/** Rows of `stride` floats, the first `width` of each kept. */
export function rows(values: Float32Array, count: number, stride: number, width: number): Float32Array {
  const data = new Float32Array(count * width);
  for (let n = 0; n < count; n++) data.set(values.subarray(n * stride, n * stride + width), n * width);
  return data;
}

