/** The GPU work of each public call: which stages run, what is read back, and what it means. */
import type { Prediction, RunResult, TapResult } from '../api.js';
import type { Executable } from '../gpu/executable.js';
import type { Session } from '../gpu/session.js';
import type { ModelMetadata } from '../model/model.js';
import { Heatmap } from './heatmap.js';
import { type Job, type JobPass, pass } from './job.js';
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

/** @param stages from a tensor: with the `input` stage, which images do not need */
export const tapsJob = (input: JobInput, stages: JobPass): Job<Map<string, TapResult>> => ({
  ...input,
  taps: true,
  passes: [stages],
  outputs: ({ plan }) => [
    ...plan.taps.map((tap) => tap.region),
    'pooled',
    ...(plan.config.classes > 0 ? ['logits'] : []),
  ],
  answer: ({ plan }, outputs) => {
    const [pooled = EMPTY, logits] = outputs.slice(plan.taps.length);
    return new Map([
      ...plan.taps.map((tap, t): [string, TapResult] => [tap.name, tapOf(plan, tap, outputs[t] ?? EMPTY)]),
      ['pooled', pooledOf(plan, pooled)],
      ...(logits ? [['logits', logitsOf(plan, logits)] as const] : []),
    ]);
  },
});

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
