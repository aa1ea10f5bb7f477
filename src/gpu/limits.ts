/** What a network needs of a device, and whether it offers that: known and said before anything is allocated. */
import { LimitError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { type NetworkPlan, type PlanOptions, planNetwork } from '../plan/network.js';
import type { WeightLayout } from '../weights/pack.js';

/** The limits that a network can exceed, in bytes. */
export interface Limits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
}

/** What every adapter offers (WebGPU, section 3.6.2). */
const DEFAULT_LIMITS: Limits = { maxBufferSize: 2 ** 28, maxStorageBufferBindingSize: 2 ** 27 };
const NAMES = ['maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** The weights are at most one buffer, of which a kernel binds its tensor; so are the arena's banks, of which it binds regions. */
export function limitsFor(plan: NetworkPlan, { bytes, ranges }: WeightLayout): Limits {
  const bound = [...ranges.values(), ...plan.arena.regions].map((range) => range.bytes);
  return {
    maxBufferSize: Math.max(bytes, ...plan.arena.bankBytes),
    maxStorageBufferBindingSize: Math.max(tensorBytes(plan), ...bound),
  };
}

/** Those that are beyond the defaults, for `requiredLimits`. */
export function beyondDefaults(limits: Limits): Record<string, number> {
  const beyond = NAMES.filter((name) => limits[name] > DEFAULT_LIMITS[name]);
  return Object.fromEntries(beyond.map((name) => [name, limits[name]]));
}

const REPAIR = "use a smaller batch or input, or weights: 'f16'";

/** Bytes of the input as the caller has it, [image][channel][pixel] of f32. */
export function tensorBytes({ config, options: { batch, inputSize } }: NetworkPlan): number {
  return batch * config.inChannels * inputSize[0] * inputSize[1] * 4;
}

/** @throws LimitError that names the largest batch that fits; TensorShapeError when the input is too small */
export function planWithin(
  limits: Limits,
  config: DenseNetConfig,
  layout: WeightLayout,
  options: PlanOptions,
): NetworkPlan {
  const attempt = (batch: number): NetworkPlan => {
    const plan = planNetwork(config, { ...options, batch });
    const needed = limitsFor(plan, layout);
    const exceeded = NAMES.find((name) => needed[name] > limits[name]);
    if (exceeded) throw new LimitError(exceeded, needed[exceeded], limits[exceeded], REPAIR);
    return plan;
  };
  try {
    return attempt(options.batch);
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    const batch = largestFitting(options.batch, attempt);
    const repair = `${error.repair} (${batch > 0 ? `a batch of ${batch}` : 'no batch'} fits)`;
    throw new LimitError(error.limit, error.needed, error.offered, repair, batch);
  }
}

/** The largest batch below `tooLarge` that can be planned; 0 when there is none. */
function largestFitting(tooLarge: number, plan: (batch: number) => NetworkPlan): number {
  let [fits, fails] = [0, tooLarge];
  while (fails - fits > 1) {
    const batch = Math.floor((fits + fails) / 2);
    try {
      plan(batch);
      fits = batch;
    } catch {
      fails = batch;
    }
  }
  return fits;
}
