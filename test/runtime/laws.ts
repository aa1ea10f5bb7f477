/**
 * Laws of the answer: what a change of weights, or of weights and input, must do to it, whatever it is. The same in other
 * units, in another order, in a mirror; moved where a bias is moved. By algebra they hold for the framework's network too.
 */
import { randomModel } from '../../src/bench/random-model.js';
import { type Input, SMALL, SMALL_MODEL } from './models.js';
import { type Change, type NamedValues, valuesOf, where } from './remake.js';

/** As many classes and channels as the small network, behind an ImageNet stem, whose norm is folded into it. */
const IMAGENET_MODEL = randomModel({ ...SMALL, stem: 'imagenet', stemNorm: true }, 2);
/** Pixels on a side of the inputs. */
export const SIDE = 32;
const EPSILON = SMALL.bnEpsilon;

const scaled =
  (factor: number) =>
  ({ values }: NamedValues) =>
    values.map((value) => value * factor);

/** Factors for the channels, powers of two where the law must hold to the bit. */
const byTurns = (turns: readonly number[], channel: number): number => turns[channel % turns.length] ?? 1;

/** The values of a filter [out, in, …] or vector [out], by output channel. */
const perOutput = (names: RegExp, change: (value: number, channel: number) => number): Change =>
  where(names, ({ values, shape }) => {
    const each = values.length / (shape[0] ?? 1);
    return values.map((value, i) => change(value, Math.floor(i / each)));
  });

/** The values of a filter [out, in, …] by input channel. */
const perInput = (names: RegExp, change: (value: number, channel: number) => number): Change =>
  where(names, ({ values, shape: [, channels = 1, ...kernel] }) => {
    const each = kernel.reduce((product, side) => product * side, 1);
    return values.map((value, i) => change(value, Math.floor(i / each) % channels));
  });

/** Item `order[i]` comes to place i, of items of `each` values in every row of `order.length` of them. */
function reordered(values: Float32Array, order: readonly number[], each: number): number[] {
  const row = order.length * each;
  return Array.from({ length: values.length / row }, (_, r) =>
    order.flatMap((from) => [...values.subarray(r * row + from * each, r * row + (from + 1) * each)]),
  ).flat();
}

/** Rows of `width` values from right to left. */
const mirrored = (values: Float32Array, width: number): number[] =>
  reordered(
    values,
    Array.from({ length: width }, (_, x) => width - 1 - x),
    1,
  );

/** Square maps of `side` × `side`, rows for columns. */
const transposed = (values: Float32Array, side: number): number[] =>
  reordered(
    values,
    Array.from({ length: side * side }, (_, i) => (i % side) * side + Math.floor(i / side)),
    1,
  );

const withData = ({ shape }: Input, data: ArrayLike<number>): Input => ({ shape, data: Float32Array.from(data) });

/** Reads the old variance of a norm, to make another of the same meaning. */
const varianceOf = (model: Uint8Array, name: string): Float32Array =>
  valuesOf(model, name.replace(/(weight|bias|running_mean)$/, 'running_var'));

export interface Law {
  readonly model?: Uint8Array;
  readonly changes: readonly Change[];
  readonly input?: (input: Input) => Input;
  /** What must become of the logits; without it they stay. */
  readonly expected?: (logits: readonly number[]) => readonly number[];
  /** To the bit in f32: the numbers change by powers of two, or not at all. */
  readonly isExact?: true;
}

const REVERSED_CLASSES = where(/classifier/, ({ values, shape: [classes = 1] }) => {
  const order = Array.from({ length: classes }, (_, o) => classes - 1 - o);
  return reordered(values, order, values.length / classes);
});
const LAST = SMALL.classes - 1;
const LIKE_CLASS_1 = where(/classifier/, ({ values, shape: [classes = 1] }) => {
  const each = values.length / classes;
  return [...values.subarray(0, LAST * each), ...values.subarray(each, 2 * each)];
});
const GROWTH = [3, 0, 4, 2, 1];
const OLD = SMALL.initFeatures;
/** The channels behind block 1, those of its layer in another order. */
const CONCATENATED = [...Array.from({ length: OLD }, (_, c) => c), ...GROWTH.map((c) => OLD + c)];
const RGB = [2, 0, 1];

export const LAWS: Readonly<Record<string, Law>> = {
  'an input in units of a quarter, and a stem for them': {
    changes: [where(/conv0/, scaled(1 / 4))],
    input: (input) =>
      withData(
        input,
        input.data.map((value) => 4 * value),
      ),
    isExact: true,
  },
  'an input in other units, taken up by the stem’s norm': {
    model: IMAGENET_MODEL,
    changes: [
      perOutput(/norm0\.running_mean/, (mean) => 3 * mean),
      perOutput(/norm0\.running_var/, (variance) => 9 * (variance + EPSILON) - EPSILON),
    ],
    input: (input) =>
      withData(
        input,
        input.data.map((value) => 3 * value),
      ),
  },
  'filters in other units, taken up by the norm behind them': {
    changes: [
      perOutput(/layer1\.conv1\.weight/, (weight, o) => weight * byTurns([0.5, 3, 7], o)),
      perOutput(/norm2\.running_mean/, (mean, o) => mean * byTurns([0.5, 3, 7], o)),
      perOutput(/norm2\.running_var/, (variance, o) => byTurns([0.5, 3, 7], o) ** 2 * (variance + EPSILON) - EPSILON),
    ],
  },
  'norms in units of powers of two, taken up by the filters behind their ReLU': {
    changes: [
      perOutput(/norm1\.(weight|bias)/, (value, c) => value * byTurns([2, 1 / 4, 8], c)),
      perInput(/layer1\.conv1\.weight/, (weight, c) => weight / byTurns([2, 1 / 4, 8], c)),
    ],
    isExact: true,
  },
  'means moved, and betas with them': {
    changes: [
      where(/running_mean/, ({ values }) => values.map((mean, c) => mean + byTurns([0.5, -1], c))),
      where(/norm\d?\.bias/, ({ name, values }) => {
        const gamma = valuesOf(SMALL_MODEL, name.replace('bias', 'weight'));
        const variance = varianceOf(SMALL_MODEL, name);
        const scale = (c: number) => (gamma[c] ?? 0) / Math.sqrt((variance[c] ?? 0) + EPSILON);
        return values.map((beta, c) => beta + byTurns([0.5, -1], c) * scale(c));
      }),
    ],
  },
  ...Object.fromEntries(
    [0, 1e-12, 1e12, 1e30].map((variance): [string, Law] => [
      `variances of ${variance}, and gammas for them`,
      {
        changes: [
          where(/running_var/, ({ values }) => values.map(() => variance)),
          where(/norm\d?\.weight/, ({ name, values }) => {
            const old = varianceOf(SMALL_MODEL, name);
            return values.map((gamma, c) => gamma * Math.sqrt((variance + EPSILON) / ((old[c] ?? 0) + EPSILON)));
          }),
        ],
      },
    ]),
  ),
  'red, green and blue in another order': {
    changes: [where(/conv0/, ({ values }) => reordered(values, RGB, 9))],
    input: (input) => withData(input, reordered(input.data, RGB, SIDE * SIDE)),
  },
  'the channels of a layer in another order': {
    changes: [
      where(/block1\.denselayer1\.conv2/, ({ values }) => reordered(values, GROWTH, values.length / GROWTH.length)),
      where(/transition1\./, ({ values }) => reordered(values, CONCATENATED, 1)),
    ],
  },
  'a mirror': {
    changes: [where(/(conv0|conv2)\.weight/, ({ values }) => mirrored(values, 3))],
    input: (input) => withData(input, mirrored(input.data, SIDE)),
  },
  'rows for columns': {
    changes: [where(/(conv0|conv2)\.weight/, ({ values }) => transposed(values, 3))],
    input: (input) => withData(input, transposed(input.data, SIDE)),
  },
  'a classifier of twice the weights and biases': {
    changes: [where(/classifier/, scaled(2))],
    expected: (logits) => logits.map((logit) => 2 * logit),
    isExact: true,
  },
  'classes in reverse order': {
    changes: [REVERSED_CLASSES],
    expected: (logits) => [...logits].reverse(),
    isExact: true,
  },
  'one class like another': {
    changes: [LIKE_CLASS_1],
    expected: (logits) => logits.map((logit, o) => (o === LAST ? (logits[1] ?? Number.NaN) : logit)),
    isExact: true,
  },
};
