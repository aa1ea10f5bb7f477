/** Bytes that come back from the GPU → logits, predictions, pooled features and feature maps. */
import type { Prediction, TapResult } from '../api.js';
import { PrecisionOverflowError } from '../core/errors.js';
import { type ChannelLayout, channelSlots } from '../model/channels.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan, Tap } from '../plan/network.js';
import { float16ToFloat32 } from '../tensor/float16.js';

const floatsOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

/** @throws PrecisionOverflowError when a value is not finite */
function finite(plan: NetworkPlan, result: TapResult): TapResult {
  if (!result.data.every(Number.isFinite)) throw overflow(plan);
  return result;
}

/** [N, classes] of the `logits` region. @throws PrecisionOverflowError when one is not finite */
export function logitsOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { classes } = plan.config;
  const values = floatsOf(bytes);
  const data = new Float32Array(plan.options.batch * classes);
  for (let n = 0; n < plan.options.batch; n++) {
    data.set(values.subarray(n * plan.classQuads * 4, n * plan.classQuads * 4 + classes), n * classes);
  }
  return finite(plan, { shape: [plan.options.batch, classes], data });
}

/**
 * The best classes of each image.
 *
 * @param best bytes of the `best` region, [image][top]{index u32, score f32}
 * @param count of classes to return for each image
 * @param scores bytes of the `scores` region, where more classes are asked for than `best` holds
 * @throws PrecisionOverflowError when a logit was not finite
 */
export function predictionsOf(
  plan: NetworkPlan,
  best: Uint8Array,
  count: number,
  metadata: ModelMetadata,
  scores?: Uint8Array,
): Prediction[][] {
  const ranked = scores ? rankAll(plan, scores) : rankedByGpu(plan, best);
  return ranked.map((row) =>
    row.slice(0, count).map((entry) => {
      if (entry.index >= plan.config.classes || !Number.isFinite(entry.probability)) throw overflow(plan);
      return namedPrediction(entry, metadata);
    }),
  );
}

/** A class with its name, and whether it is present where the model has a threshold for it. */
export function namedPrediction(
  { index, probability }: Ranked,
  { labels, thresholds }: Pick<ModelMetadata, 'labels' | 'thresholds'>,
): Prediction {
  const threshold = thresholds?.[index];
  const present = typeof threshold === 'number' ? { present: probability >= threshold } : {};
  return { index, label: labels?.[index] ?? `class ${index}`, probability, ...present };
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

/** All classes of each image, the best first. @param scores bytes of the `scores` region */
function rankAll(plan: NetworkPlan, scores: Uint8Array): Ranked[][] {
  const values = floatsOf(scores);
  const stride = plan.classQuads * 4;
  return Array.from({ length: plan.options.batch }, (_, n) =>
    rankScores(values.subarray(n * stride, n * stride + plan.config.classes)),
  );
}

/** The classes of one image, the best first. @param scores by class */
export const rankScores = (scores: Float32Array): Ranked[] =>
  Array.from(scores, (probability, index) => ({ index, probability })).sort((a, b) => b.probability - a.probability);

/** @param bytes of the tap's whole region */
export function tapOf(plan: NetworkPlan, tap: Tap, bytes: Uint8Array): TapResult {
  const { batch, activations } = plan.options;
  const [height, width] = tap.size;
  const data = toNchw(
    activations === 'f16' ? fromFloat16(bytes) : floatsOf(bytes),
    tap.layout,
    batch,
    height * width,
    tap.plane,
  );
  return { shape: [batch, tap.layout.channels, height, width], data };
}

/** [N, channels] of the `pooled` region, which is [image][quad] in f32. @throws PrecisionOverflowError */
export function pooledOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { batch } = plan.options;
  const layout = plan.pooledLayout;
  const values = floatsOf(bytes);
  const data = new Float32Array(batch * layout.channels);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    for (let n = 0; n < batch; n++) data[n * layout.channels + channel] = values[n * layout.quads * 4 + slot] ?? 0;
  }
  return finite(plan, { shape: [batch, layout.channels], data });
}

const fromFloat16 = (bytes: Uint8Array): Float32Array =>
  float16ToFloat32(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));

function overflow(plan: NetworkPlan): PrecisionOverflowError {
  return new PrecisionOverflowError(
    plan.options.activations === 'f16'
      ? "a value left the range of f16: load the model with precision: 'f32'"
      : 'a logit is not finite: the weights or the input are beyond the range of f32',
  );
}
