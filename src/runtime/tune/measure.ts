/**
 * Measures kernel variants on the adapter at hand. Knows names of shapes and of variants and how to time them; nothing
 * of plans or kernels.
 */
import type { TuneOptions } from '../../api.js';
import { benchmarkInterleaved, Sampler, type Timed } from './sampler.js';

/** Shape → variant, by the names that `plan/variants.ts` gives them. */
export type Choices = ReadonlyMap<string, string>;

/** What can be measured of a network. */
export interface Tunable {
  readonly device: GPUDevice;
  /** Those with the most work first. Of each, the variants to try; the first is the model's own choice. */
  readonly shapes: readonly { readonly key: string; readonly variants: readonly string[] }[];
  /**
   * The network with these choices, or only one step of the shape `key`.
   *
   * @throws OutOfMemoryError, ShaderError
   */
  readonly bind: (choices: Choices, key?: string) => Promise<Timed>;
}

export interface Tuned {
  /** The best of every shape that was measured; the model's own where the network as a whole gained nothing. */
  readonly choices: Choices;
  /** Of one inference, with the model's choices and with these. */
  readonly milliseconds: readonly [before: number, after: number];
}

const DEFAULT_BUDGET_MS = 5000;
/** How much faster than the model's choice another must be. */
const MARGIN = 0.04;

/**
 * Measures shape by shape while the budget lasts, then the network as a whole, which decides.
 *
 * @param options `budget`: time to spend; a shape that was begun is finished, and so is the check at the end
 * @param onProgress called before each shape, with those done and all of them
 * @throws what `tunable.bind` throws; the signal's reason
 */
export async function tune(
  { device, shapes, bind }: Tunable,
  { budget = DEFAULT_BUDGET_MS }: TuneOptions,
  onProgress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<Tuned> {
  const end = performance.now() + budget;
  const own = new Map<string, string>();
  const best = new Map<string, string>();
  for (const { key, variants } of shapes) {
    signal?.throwIfAborted();
    const [first, ...others] = variants;
    if (first === undefined || performance.now() > end) break;
    onProgress(own.size, shapes.length);
    own.set(key, first);
    best.set(key, await fastestOf({ device, bind }, key, [first, ...others]));
  }
  onProgress(own.size, shapes.length);
  const isOther = [...best].some(([key, variant]) => own.get(key) !== variant);
  const whole = isOther ? [own, best] : [own];
  const [before = 0, after = before] = await medianTimes(
    device,
    whole.map((choices) => () => bind(choices)),
  );
  const isBetter = after < before;
  return { choices: isBetter ? best : own, milliseconds: [before, isBetter ? after : before] };
}

/** The fastest, unless the first is within the margin. */
async function fastestOf(
  { device, bind }: Pick<Tunable, 'device' | 'bind'>,
  key: string,
  variants: readonly [string, ...string[]],
): Promise<string> {
  const times = await medianTimes(
    device,
    variants.map((variant) => () => bind(new Map([[key, variant]]), key)),
  );
  const least = Math.min(...times);
  const isClear = least < (times[0] ?? 0) * (1 - MARGIN);
  return (isClear ? variants[times.indexOf(least)] : undefined) ?? variants[0];
}

/** The median time of each in milliseconds, infinite where the GPU refuses it. */
async function medianTimes(device: GPUDevice, variants: readonly (() => Promise<Timed>)[]): Promise<number[]> {
  const bound = await Promise.allSettled(variants.map((bind) => bind()));
  const samplers = bound.flatMap((result) =>
    result.status === 'fulfilled' ? [new Sampler(device, result.value)] : [],
  );
  try {
    const failed = bound.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    await benchmarkInterleaved(samplers);
    return samplers.map(({ milliseconds }) => milliseconds);
  } finally {
    for (const sampler of samplers) sampler.dispose();
  }
}
