/**
 * What few callers ask a network for: its pooled features, the maps of its stages, class activation maps. A file of its
 * own beside the library, fetched for the first of them.
 */
import type { TapResult } from './api.js';
import { type ChannelLayout, channelSlots } from './model/channels.js';
import type { NetworkPlan, Tap } from './plan/network.js';
import { toFloat32 } from './weights/tensor.js';

export { Heatmap } from './heatmap.js';

/** Bytes of a region as floats; f16 is widened. */
function toFloats(bytes: Uint8Array, stored: 'f32' | 'f16'): Float32Array {
  if (stored === 'f32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  return toFloat32({ name: 'activations', dtype: 'F16', shape: [bytes.byteLength / 2], bytes });
}

/** NC/4HW4 → NCHW: `plane` pixels lie between quads, the images of the batch one behind the other in a plane. */
function toNchw(
  values: Float32Array,
  layout: ChannelLayout,
  batch: number,
  pixels: number,
  plane: number,
): Float32Array {
  const data = new Float32Array(batch * layout.channels * pixels);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    for (let n = 0; n < batch; n++) {
      const from = ((slot >> 2) * plane + n * pixels) * 4 + (slot & 3);
      const to = (n * layout.channels + channel) * pixels;
      for (let p = 0; p < pixels; p++) data[to + p] = values[from + 4 * p] ?? 0;
    }
  }
  return data;
}

/** @param bytes of the tap's whole region */
export function tapOf(plan: NetworkPlan, tap: Tap, bytes: Uint8Array): TapResult {
  const { batch, activations } = plan.options;
  const [height, width] = tap.size;
  const data = toNchw(toFloats(bytes, activations), tap.layout, batch, height * width, tap.plane);
  return { shape: [batch, tap.layout.channels, height, width], data };
}

/** [N, channels] of the `pooled` region, which is [image][quad] in f32. */
export function pooledOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { batch } = plan.options;
  const layout = plan.finalLayout;
  const values = toFloats(bytes, 'f32');
  const data = new Float32Array(batch * layout.channels);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    for (let n = 0; n < batch; n++) data[n * layout.channels + channel] = values[n * layout.quads * 4 + slot] ?? 0;
  }
  return { shape: [batch, layout.channels], data };
}
