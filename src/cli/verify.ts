/** `verify`: compares every stage of a model with the values that its source framework computed. */
import { isDenseNetError, ModelFormatError } from '../core/errors.js';
import { readSafetensors } from '../tensor/safetensors.js';
import type { TensorMap } from '../tensor/tensor.js';
import { readModel } from '../weights/model-file.js';
import { type Command, oneOf, parse, UsageError } from './command.js';
import { adviceFor, type Comparison, compareTaps, inputOf, otherActivation } from './compare.js';
import { readModelBytes, readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS, type Backend, type Runner } from './runner.js';
import { note, print, printJson, table } from './terminal.js';
import { alternativesOf } from './verify-alternatives.js';

const USAGE = `MODEL --reference REF.safetensors [--precision f32|f16] [--backend ${BACKENDS.join('|')}] [--json]

REF holds \`input\` [N, C, H, W] and any of \`stem\` (after its pool), \`block1\` …, \`final\` (after the last BN and ReLU),
\`pooled\`, \`logits\` and \`probabilities\`, as the framework computed them. The exit code is 0 when every error is within
the tolerance (f32 1e-4, f16 1e-2, relative to the tap's largest magnitude) and the best classes agree. Where they do
not, the facts that the import assumed are tried one by one.`;

const TEXT = { type: 'string' } as const;
const OPTIONS = { reference: TEXT, precision: TEXT, backend: TEXT, model: TEXT } as const;

/** Largest error allowed, relative to the largest magnitude of the tap's reference. */
export const TOLERANCE = { f32: 1e-4, f16: 1e-2 } as const;

export const verify: Command = {
  usage: USAGE,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const path = positionals[0] ?? values.model;
    if (!path || positionals.length > 1)
      throw new UsageError('verify takes one model; run verify --help for its options');
    if (!values.reference) throw new UsageError('verify needs --reference REF.safetensors');
    const precision = oneOf('precision', values.precision, ['f32', 'f16']) ?? 'f32';
    const backend = oneOf('backend', values.backend, BACKENDS) ?? 'auto';
    const model = await readModelFile(path);
    readModel(model); // fails before a GPU is requested
    const reference = readSafetensors(await readModelBytes(values.reference)).tensors;
    const job: Job = { backend, precision, reference, path: values.reference };
    note(`Starting WebGPU (${backend}) …`);
    const first = await runModel(job, model).catch((error: unknown) => {
      // A tap of another size: perhaps the stem is another.
      if (error instanceof ModelFormatError && isOfTap(error)) return error;
      throw error;
    });
    const explanation = first instanceof Error || !first.passed ? await explanationOf(job, model) : null;
    if (first instanceof Error) {
      if (explanation === null) throw first;
      note(`${first.name}: ${first.message}`);
      print(explanation);
      return 1;
    }
    const { adapter, advice, ...result } = first;
    const sentences = explanation === null ? advice : [...advice, explanation];
    if (values.json) printJson({ ...result, advice: sentences, tolerance: TOLERANCE[precision], adapter });
    else show(result, TOLERANCE[precision], sentences);
    return result.passed ? 0 : 1;
  },
};

/** Whether the error is about a tap that was computed. */
const isOfTap = ({ context }: ModelFormatError): boolean => context.tensor !== undefined && context.tensor !== 'input';

interface Job {
  readonly backend: Backend;
  readonly precision: 'f32' | 'f16';
  readonly reference: TensorMap;
  /** Of the reference, for messages. */
  readonly path: string;
}

interface Outcome extends Comparison {
  readonly passed: boolean;
  readonly advice: readonly string[];
  readonly adapter: { readonly backend: string } & Runner['adapter'];
}

/** @throws ModelFormatError when nothing can be compared, or a tap has another size */
async function runModel({ backend, precision, reference, path }: Job, model: Uint8Array): Promise<Outcome> {
  const { metadata, folded } = readModel(model);
  const { data, shape } = inputOf(reference, metadata, path);
  const runner = await openRunner(backend, model, { precision });
  try {
    const found = await runner.taps(data, shape);
    const network = { metadata, config: folded.config, batch: shape[0] };
    const comparison = compareTaps(found, reference, network, path);
    const verdicts = comparison.taps.map(({ name, maxRelError }) => ({
      name,
      agrees: maxRelError <= TOLERANCE[precision],
    }));
    const passed = comparison.top1Agrees && verdicts.every(({ agrees }) => agrees);
    const activation = passed ? null : otherActivation(found, reference, network, TOLERANCE[precision]);
    const advice = [...adviceFor(verdicts, reference, metadata.concat), ...(activation === null ? [] : [activation])];
    return { ...comparison, passed, advice, adapter: { backend: runner.backend, ...runner.adapter } };
  } finally {
    await runner.close();
  }
}

/** The assumed fact whose change makes every tap agree, in a sentence; `null` when there is none. */
async function explanationOf(job: Job, model: Uint8Array): Promise<string | null> {
  for (const { option, model: changed } of alternativesOf(model)) {
    note(`Trying ${option} …`);
    const outcome = await runModel(job, changed).catch((error: unknown) => {
      if (isDenseNetError(error)) return null;
      throw error;
    });
    if (outcome?.passed) return `With ${option} every tap agrees: import it again with that option.`;
  }
  return null;
}

function show(
  { taps, top1Agrees, passed }: Comparison & { readonly passed: boolean },
  tolerance: number,
  advice: readonly string[],
): void {
  const rows = taps.map((t) => [
    t.name,
    t.shape.join('×'),
    t.maxAbsError.toExponential(2),
    t.maxRelError.toExponential(2),
  ]);
  for (const line of table([['tap', 'shape', 'max abs error', 'max rel error'], ...rows])) print(line);
  const best = taps.some(({ name }) => name === 'logits') ? `best classes ${top1Agrees ? 'agree' : 'DIFFER'}; ` : '';
  print(`${best}${passed ? 'passed' : 'FAILED'} at ${tolerance}`);
  for (const sentence of advice) print(sentence);
}
