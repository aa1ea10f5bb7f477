/** What comes back from the GPU, in the caller's terms: NCHW tensors, logits rows, predictions. */
import type { Prediction, TapResult } from './api.js';
import { PrecisionOverflowError } from './errors.js';
import { type ChannelLayout, channelSlots } from './model/channels.js';
import type { ModelMetadata } from './model/model.js';
import type { NetworkPlan, Tap } from './plan/network.js';
import { toFloat32 } from './weights/tensor.js';

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

/** [N, channels] of the `pooled` region, which is [image][quad] in f32. @throws PrecisionOverflowError when one is not finite */
export function pooledOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { batch } = plan.options;
  const layout = plan.finalLayout;
  const values = toFloats(bytes, 'f32');
  const data = new Float32Array(batch * layout.channels);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    for (let n = 0; n < batch; n++) data[n * layout.channels + channel] = values[n * layout.quads * 4 + slot] ?? 0;
  }
  if (!data.every(Number.isFinite)) throw overflow(plan);
  return { shape: [batch, layout.channels], data };
}

/** [N, classes] of the `logits` region. @throws PrecisionOverflowError when one is not finite */
export function logitsOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { classes } = plan.config;
  const values = toFloats(bytes, 'f32');
  const data = new Float32Array(plan.options.batch * classes);
  for (let n = 0; n < plan.options.batch; n++) {
    data.set(values.subarray(n * plan.classQuads * 4, n * plan.classQuads * 4 + classes), n * classes);
  }
  if (!data.every(Number.isFinite)) throw overflow(plan);
  return { shape: [plan.options.batch, classes], data };
}

/**
 * The best classes of each image.
 *
 * @param best bytes of the `best` region, [image][top]{index u32, score f32}
 * @param scores bytes of the `scores` region, read where more are asked for than `best` has
 * @throws PrecisionOverflowError when a logit was not finite
 */
export function predictionsOf(
  plan: NetworkPlan,
  best: Uint8Array,
  scores: Uint8Array,
  count: number,
  { labels, thresholds }: ModelMetadata,
): Prediction[][] {
  const ranked = count <= plan.top ? rankedByGpu(plan, best) : rankedHere(plan, scores);
  return ranked.map((row) =>
    row.slice(0, count).map(({ index, probability }) => {
      if (index >= plan.config.classes || !Number.isFinite(probability)) throw overflow(plan);
      const threshold = thresholds?.[index];
      const present = typeof threshold === 'number' ? { present: probability >= threshold } : {};
      return { index, label: labels?.[index] ?? `class ${index}`, probability, ...present };
    }),
  );
}

type Ranked = Pick<Prediction, 'index' | 'probability'>;

function rankedByGpu(plan: NetworkPlan, best: Uint8Array): Ranked[][] {
  const view = new DataView(best.buffer, best.byteOffset, best.byteLength);
  const entry = (n: number, k: number) => (n * plan.top + k) * 8;
  return Array.from({ length: plan.options.batch }, (_, n) =>
    Array.from({ length: plan.top }, (_, k) => ({
      index: view.getUint32(entry(n, k), true),
      probability: view.getFloat32(entry(n, k) + 4, true),
    })),
  );
}

function rankedHere(plan: NetworkPlan, scores: Uint8Array): Ranked[][] {
  const values = toFloats(scores, 'f32');
  const stride = plan.classQuads * 4;
  return Array.from({ length: plan.options.batch }, (_, n) => {
    const row = values.subarray(n * stride, n * stride + plan.config.classes);
    return Array.from(row, (probability, index) => ({ index, probability })).sort(
      (a, b) => b.probability - a.probability,
    );
  });
}

function overflow(plan: NetworkPlan): PrecisionOverflowError {
  return new PrecisionOverflowError(
    plan.options.activations === 'f16'
      ? "a value left the range of f16: load the model with precision: 'f32'"
      : 'a logit is not finite: the weights or the input are beyond the range of f32',
  );
}
