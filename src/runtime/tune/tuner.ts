/** `load({ tune })`: what is known of the adapter is used, the rest is measured and kept. */
import type { TuneOptions, Tuning } from '../../api.js';
import { adapterReport } from '../../gpu/device.js';
import type { Session } from '../../gpu/session.js';
import { KERNELS, PARTS } from '../../kernels/manifest.generated.js';
import { type ConvShape, shapeKey } from '../../kernels/shape.js';
import { candidates, type TunedVariants, variantKey } from '../../kernels/variants.js';
import { type NetworkPlan, planNetwork } from '../../plan/network.js';
import type { Stage, Step } from '../../plan/step.js';
import type { Engine } from '../engine.js';
import { type Tunable, tune } from './measure.js';
import { tableIn } from './table.js';

const NETWORK: ReadonlySet<Stage> = new Set(['network']);
/** Variants of a shape that are measured, the model's best: a pipeline of software takes seconds to compile. */
const TRIED = 4;

/** Measures what the table does not know, and has the engine use the best of all. */
export type Tuner = (plan: NetworkPlan, onProgress: (done: number, total: number) => void) => Promise<Tuning>;

/** The engine uses what the table knows from here on. */
export async function openTuner(engine: Engine, options: TuneOptions, signal?: AbortSignal): Promise<Tuner> {
  const { session } = engine;
  const table = tableIn(options.store, factsOf(session));
  const known = await table.read();
  if (known.size > 0) engine.choose(known);
  return async (plan, onProgress) => {
    const tunable = tunableOf(session, plan, known);
    const isComplete = tunable.shapes.length === 0 || options.budget === 0;
    const measured = isComplete ? null : await tune(tunable, options, onProgress, signal);
    const choices = new Map([...known, ...(measured?.choices ?? [])]);
    engine.choose(choices);
    if (measured) await table.add(measured.choices);
    return { choices: Object.fromEntries(choices), milliseconds: measured?.milliseconds ?? null };
  };
}

/** What a measurement is good for, besides the shape. */
const factsOf = ({ device, precision }: Session): unknown => [
  adapterReport(device),
  device.limits.maxComputeInvocationsPerWorkgroup,
  device.limits.maxComputeWorkgroupStorageSize,
  precision,
  KERNELS,
  PARTS,
];

function tunableOf(session: Session, plan: NetworkPlan, known: TunedVariants): Tunable {
  const groups = groupByShape(plan.steps);
  const unknown = [...groups].filter(([key]) => !known.has(key));
  const work = (steps: readonly Tiled[]) => steps.reduce((sum, { macs }) => sum + macs, 0);
  unknown.sort(([, a], [, b]) => work(b) - work(a));
  return {
    device: session.device,
    shapes: unknown.map(([key, [{ shape }]]) => ({
      key,
      variants: candidates(shape, session.caps, session.precision)
        .slice(0, TRIED)
        .map((variant) => variantKey(shape.kernel, variant)),
    })),
    async bind(choices, key) {
      const tuned = new Map([...known, ...choices]);
      const whole = planNetwork(plan.config, { ...plan.options, tuned });
      const of = key === undefined ? undefined : groups.get(key);
      const middle = of?.[of.length >> 1]?.name;
      const steps = middle === undefined ? whole.steps : whole.steps.filter(({ name }) => name === middle);
      const executable = await session.bind({ ...whole, steps });
      return { record: (pass) => executable.encode(pass, NETWORK), dispose: () => executable.dispose() };
    },
  };
}

type Tiled = Step & { readonly shape: ConvShape };

/** Steps whose kernel has tiles, by what their choice depends on. */
function groupByShape(steps: readonly Step[]): ReadonlyMap<string, readonly [Tiled, ...Tiled[]]> {
  const groups = new Map<string, [Tiled, ...Tiled[]]>();
  for (const step of steps) {
    if (!isTiled(step)) continue;
    const key = shapeKey(step.shape);
    const group = groups.get(key);
    if (group) group.push(step);
    else groups.set(key, [step]);
  }
  return groups;
}

const isTiled = (step: Step): step is Tiled => step.shape !== undefined;
