/**
 * Where the time of an inference goes: GPU time, work and traffic of every step, beside what the adapter can do.
 *
 * Knows plans and dispatches; compiles only
 * the probes that measure the adapter.
 */
import type { NetworkProfile, StepProfile } from '../../api.js';
import type { Executable } from '../../gpu/executable.js';
import type { DenseNetConfig } from '../../model/config.js';
import type { Size } from '../../model/layers.js';
import type { Stage, Step } from '../../plan/step.js';
import { layoutWeights, type WeightLayout } from '../../weights/pack.js';
import type { Engine } from '../engine.js';
import { type Ceiling, measureCeiling } from './ceiling.js';
import { timePasses } from './timestamps.js';
import { trafficOf } from './traffic.js';

const STAGES: ReadonlySet<Stage> = new Set(['network', 'scores']);
const ROUNDS = 5;

/** @param classify a call of which the steps are measured */
export async function profileNetwork(
  engine: Engine,
  config: DenseNetConfig,
  inputSize: Size,
  classify: () => Promise<unknown>,
): Promise<NetworkProfile> {
  const wall = await timeCalls(classify);
  return engine.prepare({ what: 'profile', batch: 1, inputSize }, async ({ device, precision }, executable) =>
    profileExecutable(device, await executable, layoutWeights(config, precision.weights), wall),
  );
}

/** Milliseconds of whole calls by the wall clock. */
async function timeCalls(call: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times;
}

/**
 * @param milliseconds whole calls by the wall clock
 * @returns GPU times are null on a device without `timestamp-query`
 */
async function profileExecutable(
  device: GPUDevice,
  { plan, dispatches }: Pick<Executable, 'plan' | 'dispatches'>,
  layout: WeightLayout,
  milliseconds: readonly number[],
): Promise<NetworkProfile> {
  const steps = plan.steps.filter(({ stage }) => STAGES.has(stage));
  const timed = dispatches.filter(({ stage }) => STAGES.has(stage));
  const isTimed = device.features.has('timestamp-query');
  const ceiling = isTimed ? await measureCeiling(device) : null;
  const rounds: (readonly bigint[])[] = [];
  for (let round = 0; isTimed && round < ROUNDS; round++) {
    const records = timed.map(({ pipeline, bindGroup, workgroups }) => (pass: GPUComputePassEncoder) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(...workgroups);
    });
    rounds.push(await timePasses(device, records));
  }
  const traffic = (step: Step) => trafficOf(step, plan.arena.regions, layout);
  return {
    steps: steps.map((step, s) => {
      const nanoseconds = rounds.map((times) => Number((times[2 * s + 1] ?? 0n) - (times[2 * s] ?? 0n)));
      return measured(step, traffic(step), isTimed ? median(nanoseconds) / 1000 : null, ceiling);
    }),
    milliseconds: median(milliseconds),
    resolution: isTimed ? resolutionOf(rounds) / 1000 : null,
    ceiling,
  };
}

function measured(
  { name, kernel, macs }: Step,
  { bytesRead, bytesWritten }: { readonly bytesRead: number; readonly bytesWritten: number },
  microseconds: number | null,
  ceiling: Ceiling | null,
): StepProfile {
  const work = { name, kernel, macs, bytesRead, bytesWritten, microseconds };
  if (!microseconds || microseconds < 0 || !ceiling) return { ...work, gflops: null, ofCeiling: null };
  // A gigaflop per second is a thousand operations per microsecond; so is a gigabyte a thousand bytes.
  const least = Math.max((2 * macs) / ceiling.gflops, (bytesRead + bytesWritten) / ceiling.gigabytesPerSecond) / 1000;
  return { ...work, gflops: (2 * macs) / microseconds / 1000, ofCeiling: least / microseconds };
}

/** Nanoseconds that all timestamps are multiples of, counted from the first: what the browser rounds them to. */
function resolutionOf(rounds: readonly (readonly bigint[])[]): number {
  let divisor = 0n;
  const [first = 0n] = rounds[0] ?? [];
  for (const time of rounds.flat()) {
    for (let rest = time - first; rest !== 0n; ) [divisor, rest] = [rest, divisor % rest];
  }
  return Math.abs(Number(divisor));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
