/** The GPU work of each public call: which stages run, what is read back, and what it means. */
import type { Prediction, RunResult, TapResult } from '../api.js';
import { assertDefined } from '../core/assert.js';
import type { Executable } from '../gpu/executable.js';
import type { Session } from '../gpu/session.js';
import type { DenseNetConfig } from '../model/config.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan } from '../plan/network.js';
import { Heatmap } from './heatmap.js';
import { type Job, pass } from './job.js';
import { logitsOf, pooledOf, predictionsOf, tapOf } from './results.js';

/** A job's input, and how its call is named and ended. */
export type JobInput = Pick<Job<unknown>, 'what' | 'batch' | 'inputSize' | 'feed' | 'release' | 'signal'>;

const EMPTY = new Uint8Array();

/** @param count classes to return for each image */
export const classifyJob = (input: JobInput, count: number, metadata: ModelMetadata): Job<Prediction[][]> => ({
  ...input,
  passes: [pass('network', 'scores')],
  outputs: ({ plan }) => (count <= plan.top ? ['best'] : ['best', 'scores']),
  answer: ({ plan }, [best = EMPTY, scores]) => predictionsOf(plan, best, count, metadata, scores),
});

export const runJob = (input: JobInput): Job<RunResult> => ({
  ...input,
  passes: [pass('input', 'network')],
  outputs: () => ['logits'],
  answer: ({ plan }, [logits = EMPTY]) => ({
    logits: logitsOf(plan, logits).data,
    shape: [plan.options.batch, plan.config.classes],
  }),
});

export const embedJob = (input: JobInput): Job<TapResult> => ({
  ...input,
  passes: [pass('network')],
  outputs: () => ['pooled'],
  answer: ({ plan }, [pooled = EMPTY]) => pooledOf(plan, pooled),
});

/** @param classIndex the class to explain; by default the best */
export const explainJob = (input: JobInput, metadata: ModelMetadata, classIndex?: number): Job<Heatmap> => ({
  ...input,
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

/** What comes with every call, unlike the feature maps, which a plan must keep. Of them `scores` is given on demand only. */
const VECTORS: ReadonlyMap<string, (plan: NetworkPlan, bytes: Uint8Array) => TapResult> = new Map([
  ['pooled', pooledOf],
  ['logits', logitsOf],
  ['scores', logitsOf],
]);

/** Every name that `intermediates()` can be asked for. */
export const intermediateNames = ({ blocks, classes }: DenseNetConfig): string[] => [
  'stem',
  ...blocks.map((_, index) => `block${index + 1}`),
  'final',
  ...[...VECTORS.keys()].filter((name) => name === 'pooled' || classes > 0),
];

/**
 * @param first the stages of the input: `input` for a tensor, none for images
 * @param only names of {@link intermediateNames}; by default all but `scores`
 */
export function tapsJob(
  input: JobInput,
  first: readonly 'input'[],
  config: DenseNetConfig,
  only: readonly string[] = intermediateNames(config).filter((name) => name !== 'scores'),
): Job<Map<string, TapResult>> {
  const names = [...new Set(only)];
  const regionOf = ({ taps }: NetworkPlan, name: string) => taps.find((tap) => tap.name === name)?.region ?? name;
  return {
    ...input,
    taps: names.some((name) => !VECTORS.has(name)),
    passes: [pass(...first, 'network', 'taps', ...(names.includes('scores') ? (['scores'] as const) : []))],
    outputs: ({ plan }) => names.map((name) => regionOf(plan, name)),
    answer: ({ plan }, outputs) =>
      new Map(
        names.map((name, i) => {
          const bytes = outputs[i] ?? EMPTY;
          const tap = plan.taps.find((candidate) => candidate.name === name);
          return [name, tap ? tapOf(plan, tap, bytes) : assertDefined(VECTORS.get(name), name)(plan, bytes)];
        }),
      ),
  };
}

/** Writes the class to explain: the caller's, or the best one, which the scores stage has just found. */
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
