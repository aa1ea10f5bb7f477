/** What comes back from the GPU, in the caller's terms: logits rows and predictions; `readouts.ts` has the rest. */
import type { Prediction, TapResult } from '../api.js';
import { PrecisionOverflowError } from '../core/errors.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan } from '../plan/network.js';

const floatsOf = (bytes: Uint8Array): Float32Array =>
  new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);

/** @throws PrecisionOverflowError when a value is not finite */
export function finite(plan: NetworkPlan, result: TapResult): TapResult {
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
 * @param ranked by `rankedOf` of `readouts.ts`, where more are asked for than `best` has
 * @throws PrecisionOverflowError when a logit was not finite
 */
export function predictionsOf(
  plan: NetworkPlan,
  best: Uint8Array,
  count: number,
  { labels, thresholds }: ModelMetadata,
  ranked: readonly Ranked[][] = rankedByGpu(plan, best),
): Prediction[][] {
  return ranked.map((row) =>
    row.slice(0, count).map(({ index, probability }) => {
      if (index >= plan.config.classes || !Number.isFinite(probability)) throw overflow(plan);
      const threshold = thresholds?.[index];
      const present = typeof threshold === 'number' ? { present: probability >= threshold } : {};
      return { index, label: labels?.[index] ?? `class ${index}`, probability, ...present };
    }),
  );
}

export type Ranked = Pick<Prediction, 'index' | 'probability'>;

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

function overflow(plan: NetworkPlan): PrecisionOverflowError {
  return new PrecisionOverflowError(
    plan.options.activations === 'f16'
      ? "a value left the range of f16: load the model with precision: 'f32'"
      : 'a logit is not finite: the weights or the input are beyond the range of f32',
  );
}
