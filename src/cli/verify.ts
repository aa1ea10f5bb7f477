/** `verify`: compares every stage of a model with the values that its source framework computed. */
import { ModelFormatError } from '../core/errors.js';
import { tapsOldFirst } from '../import/concat-order.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { type TensorMap, toFloat32 } from '../tensor/tensor.js';
import { readModel } from '../weights/model-file.js';
import { type Command, oneOf, parse, UsageError } from './command.js';
import { readModelBytes, readModelFile } from './model-source.js';
import { openRunner } from './open-runner.js';
import { BACKENDS } from './runner.js';
import { note, print, printJson, table } from './terminal.js';

const USAGE = `MODEL --reference REF.safetensors [--precision f32|f16] [--backend ${BACKENDS.join('|')}] [--json]

REF holds \`input\` [N, C, H, W] and any of \`stem\` (after its pool), \`block1\` …, \`final\` (after the last BN and ReLU),
\`pooled\` and \`logits\`, as the framework computed them. The exit code is 0 when every error is within the tolerance
(f32 1e-4, f16 1e-2, relative to the tap's largest magnitude) and the best classes agree.`;

const TEXT = { type: 'string' } as const;
const OPTIONS = { reference: TEXT, precision: TEXT, backend: TEXT, model: TEXT } as const;

/** Largest error allowed, relative to the largest magnitude of the tap's reference. */
export const TOLERANCE = { f32: 1e-4, f16: 1e-2 } as const;

interface TapError {
  readonly name: string;
  readonly shape: readonly number[];
  readonly maxAbsError: number;
  readonly maxRelError: number;
}

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
    const { metadata, folded } = readModel(model); // fails before a GPU is requested
    const written = readSafetensors(await readModelBytes(values.reference)).tensors;
    const reference = metadata.concat === 'new-first' ? tapsOldFirst(written, folded.config) : written;
    const { data, shape } = inputOf(reference, values.reference);
    note(`Starting WebGPU (${backend}) …`);
    const runner = await openRunner(backend, model, { precision });
    try {
      const found = await runner.taps(data, shape);
      checkNames(reference, [...found.keys()], values.reference);
      const taps = [...found].flatMap(([name, tap]) => compare(name, tap.data, reference));
      const top1Agrees = sameBest(found.get('logits')?.data, reference, shape[0]);
      const verdicts = taps.map(({ name, maxRelError }) => ({ name, agrees: maxRelError <= TOLERANCE[precision] }));
      const passed = top1Agrees && verdicts.every(({ agrees }) => agrees);
      const advice = adviceFor(verdicts, reference, metadata.concat);
      if (values.json)
        printJson({
          taps,
          top1Agrees,
          passed,
          advice,
          tolerance: TOLERANCE[precision],
          adapter: { backend: runner.backend, ...runner.adapter },
        });
      else show(taps, top1Agrees, passed, TOLERANCE[precision], advice);
      return passed ? 0 : 1;
    } finally {
      await runner.close();
    }
  },
};

/** Notes the reference's tensors that are not taps. @throws ModelFormatError when none of them is one */
function checkNames(reference: TensorMap, taps: readonly string[], path: string): void {
  const others = [...reference.keys()].filter((name) => name !== 'input' && !taps.includes(name));
  const known = `the network has ${taps.join(', ')}`;
  if (others.length === reference.size - 1) {
    const message = `${path} holds nothing to compare: ${known}; it has ${others.join(', ') || 'the input only'}`;
    throw new ModelFormatError(message, { format: 'reference' });
  }
  if (others.length > 0) note(`Not compared: ${others.join(', ')} of ${path}; ${known}.`);
}

function inputOf(reference: TensorMap, path: string) {
  const input = reference.get('input');
  const [n, c, h, w, ...rest] = input?.shape ?? [];
  if (!input || !n || !c || !h || !w || rest.length > 0) {
    throw new ModelFormatError(`${path} has no tensor "input" of shape [N, C, H, W]`, {
      format: 'reference',
      tensor: 'input',
    });
  }
  return { data: toFloat32(input), shape: [n, c, h, w] as const };
}

/** Empty when the reference lacks that tap. @throws ModelFormatError when the sizes differ */
function compare(name: string, found: Float32Array, reference: TensorMap): TapError[] {
  const tensor = reference.get(name);
  if (!tensor) return [];
  const expected = toFloat32(tensor);
  if (expected.length !== found.length) {
    const message = `the reference's "${name}" has ${expected.length} values, but the model gives ${found.length}`;
    throw new ModelFormatError(message, { format: 'reference', tensor: name });
  }
  let maxAbsError = 0;
  let magnitude = 0;
  for (const [i, value] of expected.entries()) {
    maxAbsError = Math.max(maxAbsError, Math.abs(value - (found[i] ?? Number.NaN))); // Math.max keeps a NaN
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return [{ name, shape: tensor.shape, maxAbsError, maxRelError: maxAbsError / (magnitude || 1) }];
}

function sameBest(found: Float32Array | undefined, reference: TensorMap, batch: number): boolean {
  const tensor = reference.get('logits');
  if (!tensor || !found) return true;
  const expected = toFloat32(tensor);
  const classes = expected.length / batch;
  return Array.from({ length: batch }, (_, n) => n * classes).every(
    (at) => best(found.subarray(at, at + classes)) === best(expected.subarray(at, at + classes)),
  );
}

const best = (row: Float32Array): number => row.reduce((b, value, i) => (value > (row[b] ?? 0) ? i : b), 0);

function show(
  taps: readonly TapError[],
  top1Agrees: boolean,
  passed: boolean,
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
  print(`best classes ${top1Agrees ? 'agree' : 'DIFFER'}; ${passed ? 'passed' : 'FAILED'} at ${tolerance}`);
  for (const sentence of advice) print(sentence);
}

export interface TapVerdict {
  readonly name: string;
  readonly agrees: boolean;
}

/**
 * Advice on a failed comparison: the known mistakes with references and imports, told by which tap differs first.
 *
 * @param taps in the network's order
 * @param concat the order of concatenation in the model's metadata
 * @returns sentences for the user; none when all taps agree
 */
export function adviceFor(taps: readonly TapVerdict[], reference: TensorMap, concat: string | undefined): string[] {
  const firstWrong = taps.find(({ agrees }) => !agrees)?.name;
  if (firstWrong === undefined) return [];
  const agreed = (name: string) => taps.some((tap) => tap.name === name && tap.agrees);
  const advice = [`${firstWrong} is the first tap that differs.`];
  if (firstWrong === 'final' && hasNegative(reference, 'final')) {
    advice.push('The reference\'s "final" has negative values: torchvision\'s features(x) ends before the last ReLU.');
  } else if (firstWrong === 'stem' && hasNegative(reference, 'stem') && !isLinearStem(reference)) {
    advice.push('The reference\'s "stem" has negative values: it must be taken after the ReLU and the pool.');
  } else if (firstWrong === 'block1' && agreed('stem')) {
    advice.push(
      concat === 'new-first'
        ? 'The stem agrees: perhaps the network puts old features first; import it without --concat new-first.'
        : 'The stem agrees: perhaps the network puts new features first; import it with --concat new-first.',
    );
  } else if (firstWrong === 'logits' && agreed('pooled')) {
    advice.push('The pooled features agree: "logits" must be taken before any softmax, sigmoid or calibration.');
  }
  return advice;
}

const hasNegative = (reference: TensorMap, name: string): boolean => {
  const tensor = reference.get(name);
  return tensor !== undefined && toFloat32(tensor).some((value) => value < 0);
};

/** A CIFAR stem keeps the input's size and has no ReLU. */
function isLinearStem(reference: TensorMap): boolean {
  return reference.get('stem')?.shape[2] === reference.get('input')?.shape[2];
}
