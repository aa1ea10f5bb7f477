/**
 * What few callers ask a network for: its pooled features, the maps of its stages, class activation maps. A file of its
 * own beside the library, fetched for the first of them.
 */
import type { TapResult } from '../api.js';
import type { Executable } from '../gpu/executable.js';
import type { Session } from '../gpu/session.js';
import { type ChannelLayout, channelSlots } from '../model/channels.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan, Tap } from '../plan/network.js';
import { toFloat32 } from '../tensor/tensor.js';
import { Heatmap } from './heatmap.js';
import { type Job, pass } from './job.js';
import type { finite, logitsOf, predictionsOf, Ranked } from './results.js';

/** What throws errors is the library's own, since a page knows them by the classes of that file. */
interface Readers {
  readonly finite: typeof finite;
  readonly logitsOf: typeof logitsOf;
  readonly predictionsOf: typeof predictionsOf;
}

/** A job's input. */
type Fed = Pick<Job<unknown>, 'what' | 'batch' | 'inputSize' | 'feed' | 'signal'>;

const EMPTY = new Uint8Array();

export const embed = (fed: Fed, { finite }: Readers): Job<TapResult> => ({
  ...fed,
  passes: [pass('network')],
  outputs: () => ['pooled'],
  answer: ({ plan }, [pooled = EMPTY]) => finite(plan, pooledOf(plan, pooled)),
});

export const explain = (
  fed: Fed,
  { predictionsOf }: Readers,
  metadata: ModelMetadata,
  classIndex: number | undefined,
): Job<Heatmap> => ({
  ...fed,
  passes: [pass('network', 'scores'), { ...pass('explain'), before: chooseClass(classIndex) }],
  outputs: () => ['best', 'heat'],
  answer({ plan }, [best = EMPTY, heat = EMPTY]) {
    const [first] = predictionsOf(plan, best, 1, metadata)[0] ?? [];
    const index = classIndex ?? first?.index ?? 0;
    const [height, width] = plan.finalSize;
    const values = new Float32Array(heat.buffer, heat.byteOffset, width * height);
    return new Heatmap(index, metadata.labels?.[index] ?? `class ${index}`, width, height, values);
  },
});

export const taps = (fed: Fed, { finite, logitsOf }: Readers): Job<Map<string, TapResult>> => ({
  ...fed,
  taps: true,
  passes: [pass('input', 'network', 'taps')],
  outputs: ({ plan }) => ['pooled', 'logits', ...plan.taps.map((tap) => tap.region)],
  answer: ({ plan }, [pooled = EMPTY, logits = EMPTY, ...maps]) =>
    new Map([
      ...plan.taps.map((tap, t): [string, TapResult] => [tap.name, tapOf(plan, tap, maps[t] ?? EMPTY)]),
      ['pooled', finite(plan, pooledOf(plan, pooled))],
      ['logits', logitsOf(plan, logits)],
    ]),
});

/** The classes to explain: the caller's, or the best, which the scores step has just found. */
function chooseClass(classIndex: number | undefined) {
  return (encoder: GPUCommandEncoder, session: Session, executable: Executable): void => {
    if (classIndex !== undefined) {
      session.device.queue.writeBuffer(executable.classes, 0, new Uint32Array([classIndex]));
      return;
    }
    const best = session.locate(executable, 'best');
    encoder.copyBufferToBuffer(best.buffer, best.offset, executable.classes, 0, 4);
  };
}

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

/** All classes of each image, the best first. @param scores bytes of the `scores` region */
export function rankedOf(plan: NetworkPlan, scores: Uint8Array): Ranked[][] {
  const values = toFloats(scores, 'f32');
  const stride = plan.classQuads * 4;
  return Array.from({ length: plan.options.batch }, (_, n) => {
    const row = values.subarray(n * stride, n * stride + plan.config.classes);
    return Array.from(row, (probability, index) => ({ index, probability })).sort(
      (a, b) => b.probability - a.probability,
    );
  });
}

/** @param bytes of the tap's whole region */
function tapOf(plan: NetworkPlan, tap: Tap, bytes: Uint8Array): TapResult {
  const { batch, activations } = plan.options;
  const [height, width] = tap.size;
  const data = toNchw(toFloats(bytes, activations), tap.layout, batch, height * width, tap.plane);
  return { shape: [batch, tap.layout.channels, height, width], data };
}

/** [N, channels] of the `pooled` region, which is [image][quad] in f32. */
function pooledOf(plan: NetworkPlan, bytes: Uint8Array): TapResult {
  const { batch } = plan.options;
  const layout = plan.finalLayout;
  const values = toFloats(bytes, 'f32');
  const data = new Float32Array(batch * layout.channels);
  for (const [channel, slot] of channelSlots(layout).entries()) {
    for (let n = 0; n < batch; n++) data[n * layout.channels + channel] = values[n * layout.quads * 4 + slot] ?? 0;
  }
  return { shape: [batch, layout.channels], data };
}
