/** A model's taps against a reference: errors, and what they look like. */
import { ModelFormatError } from '../core/errors.js';
import { tapsOldFirst } from '../import/concat-order.js';
import type { Activation, DenseNetConfig } from '../model/config.js';
import { scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { type TensorMap, toFloat32 } from '../tensor/tensor.js';
import { note } from './terminal.js';

interface TapError {
  readonly name: string;
  readonly shape: readonly number[];
  readonly maxAbsError: number;
  readonly maxRelError: number;
}

export interface Comparison {
  readonly taps: readonly TapError[];
  readonly top1Agrees: boolean;
}

interface Network {
  readonly metadata: ModelMetadata;
  readonly config: DenseNetConfig;
  readonly batch: number;
}

type Taps = ReadonlyMap<string, { readonly data: Float32Array }>;

const PROBABILITIES = 'probabilities';

/** @throws ModelFormatError when nothing can be compared, or a tap has another size */
export function compareTaps(found: Taps, written: TensorMap, network: Network, path: string): Comparison {
  const { metadata, config, batch } = network;
  const reference = metadata.concat === 'new-first' ? tapsOldFirst(written, config) : written;
  checkNames(reference, [...found.keys(), PROBABILITIES], path);
  const taps = [...found].flatMap(([name, tap]) => compare(name, tap.data, reference));
  const logits = found.get('logits')?.data;
  const { activation } = scoringOf(metadata, config.classes);
  const scores = logits ? compare(PROBABILITIES, scoresOf(logits, activation, config.classes), reference) : [];
  return { taps: [...taps, ...scores], top1Agrees: sameBest(logits, reference, batch) };
}

function scoresOf(logits: Float32Array, activation: Activation, classes: number): Float32Array {
  if (activation === 'none') return logits;
  if (activation === 'sigmoid') return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  return Float32Array.from(logits, (logit, i) => {
    const row = logits.subarray(i - (i % classes), i - (i % classes) + classes);
    const most = Math.max(...row);
    return Math.exp(logit - most) / row.reduce((sum, value) => sum + Math.exp(value - most), 0);
  });
}

/** The option whose activation gives the reference's probabilities, where the model's does not. */
export function otherActivation(
  found: Taps,
  reference: TensorMap,
  { metadata, config }: Network,
  tolerance: number,
): string | null {
  const logits = found.get('logits')?.data;
  const own = scoringOf(metadata, config.classes).activation;
  const other = own === 'softmax' ? 'sigmoid' : 'softmax';
  const error = (activation: Activation) =>
    logits
      ? compare(PROBABILITIES, scoresOf(logits, activation, config.classes), reference)[0]?.maxRelError
      : undefined;
  const [now, then] = [error(own), error(other)];
  if (now === undefined || then === undefined || now <= tolerance || then > tolerance) return null;
  return `With --activation ${other} the probabilities agree: import it again with that option.`;
}

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

/** The input as the model takes it. @throws ModelFormatError when there is none */
export function inputOf(reference: TensorMap, { sourceInput }: ModelMetadata, path: string) {
  const input = reference.get('input');
  const [n, c, h, w, ...rest] = input?.shape ?? [];
  if (!input || !n || !c || !h || !w || rest.length > 0) {
    throw new ModelFormatError(`${path} has no tensor "input" of shape [N, C, H, W]`, {
      format: 'reference',
      tensor: 'input',
    });
  }
  const at = (list: readonly number[], channel: number) => list[list.length === 1 ? 0 : channel] ?? Number.NaN;
  const data = toFloat32(input).map((value, i) => {
    const channel = Math.floor(i / (h * w)) % c;
    return sourceInput ? at(sourceInput.scale, channel) * value + at(sourceInput.shift, channel) : value;
  });
  return { data, shape: [n, c, h, w] as const };
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
