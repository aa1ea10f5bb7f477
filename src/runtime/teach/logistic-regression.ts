/**
 * Multinomial logistic regression with an L2 penalty, for few examples of many features.
 *
 *   minimise  ½ ‖W‖² + C Σ_i −log softmax(W x_i + b)[y_i]
 *
 * The weights are sums of examples, W = Aᵀ X, so everything is computed on the Gram matrix X Xᵀ of N × N numbers, not on
 * N × features. The second derivative of the loss is at most half the identity for each class (D. Böhning, "Multinomial
 * logistic regression algorithm", 1992), so a step with (I + C/2 · X Xᵀ)⁻¹ never overshoots; Nesterov's momentum makes it
 * quick. Nothing is random: the same examples give the same bits.
 */

import type { TrainOptions } from '../../api.js';
import { AbortedError } from '../../core/errors.js';
import { callSafely } from '../options.js';

/** Rows of `features` numbers, one behind the other. */
export interface Examples {
  readonly data: Float64Array;
  readonly features: number;
  /** Class of each row. */
  readonly labels: readonly number[];
  readonly classes: number;
}

export interface LinearHead {
  /** [class][feature] */
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

export interface Trained extends LinearHead {
  /** Inverse of the penalty, as scikit-learn's `C`. */
  readonly C: number;
  /** Share of examples that a head trained without them gets right; null where a class has a single example. */
  readonly accuracy: number | null;
}

/** Strong penalties first, so that each fit starts from the one before. */
const PENALTIES = [0.0003, 0.003, 0.03, 0.3] as const;
const MAX_FOLDS = 4;
const MAX_STEPS = 200;
/** Tolerances of scores: to compare penalties, and for the head itself. */
const [ROUGH, FINE] = [0.02, 1e-4] as const;
/** Square of the constant feature that stands for the bias: so large that its penalty does not count. */
const BIAS_SQUARED = 100;

/**
 * Trains a head on features as they are: standardised for the fit, with the standardisation folded into the result. Gives
 * the page a turn between fits.
 *
 * @param options `onProgress` is called with the share that is done
 * @throws AbortedError
 */
export async function trainHead(examples: Examples, { signal, onProgress }: TrainOptions = {}): Promise<Trained> {
  const scaler = scalerOf(examples);
  const x = scaler.apply(examples);
  const gram = gramOf(x, examples);
  const folds = foldsOf(examples.labels, examples.classes);
  const total = (folds?.count ?? 0) + 1;
  let done = 0;
  const step = async () => {
    callSafely('onProgress', onProgress, ++done / total);
    await new Promise((resolve) => setTimeout(resolve));
    if (signal?.aborted) throw new AbortedError('train()', { cause: signal.reason });
  };
  const errors = PENALTIES.map(() => ({ wrong: 0, loss: 0 }));
  for (let fold = 0; folds !== null && fold < folds.count; fold++) {
    const isHeldOut = (row: number) => folds.of[row] === fold;
    for (const [p, { wrong, loss }] of validate(gram, examples, isHeldOut).entries()) {
      const error = errors[p];
      if (error) Object.assign(error, { wrong: error.wrong + wrong, loss: error.loss + loss });
    }
    await step();
  }
  // The least loss: it tells apart penalties that get the same number right.
  const best = folds === null ? 1 : errors.reduce((b, { loss }, p) => (loss < (errors[b]?.loss ?? 0) ? p : b), 0);
  const rows = [...examples.labels.keys()];
  let fit: Float64Array | undefined;
  for (const C of PENALTIES.slice(0, best + 1)) fit = fitOn(gram, rows, examples, C, FINE, fit);
  await step();
  const accuracy = folds === null ? null : 1 - (errors[best]?.wrong ?? 0) / rows.length;
  return { ...scaler.fold(weightsOf(fit ?? new Float64Array(), x, examples)), C: PENALTIES[best] ?? 1, accuracy };
}

/** Number of mistakes and sum of losses on the rows held out, for each penalty. */
function validate(
  gram: Float64Array,
  examples: Examples,
  isHeldOut: (row: number) => boolean,
): { readonly wrong: number; readonly loss: number }[] {
  const { labels, classes } = examples;
  const rows = [...labels.keys()].filter((row) => !isHeldOut(row));
  const others = [...labels.keys()].filter(isHeldOut);
  let fit: Float64Array | undefined;
  return PENALTIES.map((C) => {
    fit = fitOn(gram, rows, examples, C, ROUGH, fit);
    let [wrong, loss] = [0, 0];
    for (const row of others) {
      const scores = new Float64Array(classes);
      for (const [i, known] of rows.entries()) {
        const similarity = gram[row * labels.length + known] ?? 0;
        for (let k = 0; k < classes; k++) scores[k] = (scores[k] ?? 0) + similarity * (fit[k * rows.length + i] ?? 0);
      }
      const label = labels[row] ?? 0;
      const probabilities = softmax(scores);
      if (probabilities.indexOf(Math.max(...probabilities)) !== label) wrong++;
      loss -= Math.log(Math.max(probabilities[label] ?? 0, 1e-12));
    }
    return { wrong, loss };
  });
}

/**
 * The coefficients of the rows, [class][row].
 *
 * @param rows indices into the Gram matrix
 * @param start coefficients of a fit with a stronger penalty
 * @param tolerance the fit ends when no score changes by more than this in a step
 */
function fitOn(
  gram: Float64Array,
  rows: readonly number[],
  { labels, classes }: Examples,
  C: number,
  tolerance: number,
  start?: Float64Array,
): Float64Array {
  const n = rows.length;
  const own = submatrixOf(gram, labels.length, Int32Array.from(rows));
  const inverse = inverseOf(own, n, C / 2);
  const targets = Int32Array.from(rows, (row) => labels[row] ?? 0);
  let current: Float64Array = start ?? new Float64Array(n * classes);
  let ahead = current;
  let momentum = 1;
  let scores = multiply(own, ahead, n);
  for (let step = 0; step < MAX_STEPS; step++) {
    const change = multiply(inverse, gradientOf(scores, ahead, targets, classes, C), n);
    const next = ahead.map((value, i) => value - (change[i] ?? 0));
    const following = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const push = (momentum - 1) / following;
    const from = current;
    ahead = next.map((value, i) => value + push * (value - (from[i] ?? 0)));
    const moved = multiply(own, ahead, n);
    const most = moved.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (scores[i] ?? 0))), 0);
    if (most < tolerance) return next;
    scores = moved;
    current = next;
    momentum = following;
  }
  return current;
}

/** The rows and columns of a square matrix with the given indices. */
function submatrixOf(matrix: Float64Array, size: number, indices: Int32Array): Float64Array {
  const n = indices.length;
  const part = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const row = (indices[i] ?? 0) * size;
    for (let j = 0; j < n; j++) part[i * n + j] = matrix[row + (indices[j] ?? 0)] ?? 0;
  }
  return part;
}

/** With respect to the weights, as coefficients: the penalty's own, and C times the errors of the probabilities. */
function gradientOf(
  scores: Float64Array,
  coefficients: Float64Array,
  targets: Int32Array,
  classes: number,
  C: number,
): Float64Array {
  const n = targets.length;
  const gradient = new Float64Array(n * classes);
  const row = new Float64Array(classes);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < classes; k++) row[k] = scores[k * n + i] ?? 0;
    const probabilities = softmax(row);
    for (let k = 0; k < classes; k++) {
      const error = (probabilities[k] ?? 0) - (targets[i] === k ? 1 : 0);
      gradient[k * n + i] = (coefficients[k * n + i] ?? 0) + C * error;
    }
  }
  return gradient;
}

/** (I + factor · matrix)⁻¹ of a symmetric matrix, by Gauss and Jordan; no pivot is needed, since it is positive definite. */
function inverseOf(matrix: Float64Array, n: number, factor: number): Float64Array {
  const m = matrix.map((value) => factor * value);
  for (let i = 0; i < n; i++) m[i * n + i] = (m[i * n + i] ?? 0) + 1;
  for (let p = 0; p < n; p++) {
    const pivotRow = m.subarray(p * n, (p + 1) * n);
    const pivot = 1 / (pivotRow[p] ?? 1);
    pivotRow[p] = 1;
    for (let j = 0; j < n; j++) pivotRow[j] = (pivotRow[j] ?? 0) * pivot;
    for (let i = 0; i < n; i++) {
      if (i === p) continue;
      const row = m.subarray(i * n, (i + 1) * n);
      const multiple = row[p] ?? 0;
      row[p] = 0;
      for (let j = 0; j < n; j++) row[j] = (row[j] ?? 0) - multiple * (pivotRow[j] ?? 0);
    }
  }
  return m;
}

/** A symmetric matrix times each column, [class][row]. */
function multiply(matrix: Float64Array, columns: Float64Array, n: number): Float64Array {
  const product = new Float64Array(columns.length);
  for (let at = 0; at < columns.length; at += n) {
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0, entry = i * n; j < n; j++, entry++) sum += (matrix[entry] ?? 0) * (columns[at + j] ?? 0);
      product[at + i] = sum;
    }
  }
  return product;
}

/** X Xᵀ, and the product of the constant features. */
function gramOf(x: Float64Array, { features, labels }: Examples): Float64Array {
  const n = labels.length;
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = BIAS_SQUARED;
      for (let f = 0; f < features; f++) sum += (x[i * features + f] ?? 0) * (x[j * features + f] ?? 0);
      gram[i * n + j] = sum;
      gram[j * n + i] = sum;
    }
  }
  return gram;
}

/** [class][feature] and bias, from the coefficients of all rows. */
function weightsOf(fit: Float64Array, x: Float64Array, { features, labels, classes }: Examples) {
  const weight = new Float64Array(classes * features);
  const bias = new Float64Array(classes);
  for (const row of labels.keys()) {
    for (let k = 0; k < classes; k++) {
      const coefficient = fit[k * labels.length + row] ?? 0;
      bias[k] = (bias[k] ?? 0) + BIAS_SQUARED * coefficient;
      for (let f = 0; f < features; f++)
        weight[k * features + f] = (weight[k * features + f] ?? 0) + coefficient * (x[row * features + f] ?? 0);
    }
  }
  return { weight, bias };
}

/** Subtracts each feature's mean and divides by its deviation. A feature that does not vary counts for nothing. */
function scalerOf({ data, features, labels }: Examples) {
  const mean = new Float64Array(features);
  const scale = new Float64Array(features);
  const n = labels.length;
  for (let i = 0; i < data.length; i++) mean[i % features] = (mean[i % features] ?? 0) + (data[i] ?? 0) / n;
  for (let i = 0; i < data.length; i++)
    scale[i % features] = (scale[i % features] ?? 0) + ((data[i] ?? 0) - (mean[i % features] ?? 0)) ** 2 / n;
  for (let f = 0; f < features; f++) {
    const variance = scale[f] ?? 0;
    // What does not vary differs from its mean by rounding.
    scale[f] = variance > 1e-20 * (mean[f] ?? 0) ** 2 ? 1 / Math.sqrt(variance) : 0;
  }
  return {
    apply: (examples: Examples): Float64Array =>
      examples.data.map((value, i) => (value - (mean[i % features] ?? 0)) * (scale[i % features] ?? 0)),
    /** A head on standardised features → the same on features as they are. */
    fold: (head: { readonly weight: Float64Array; readonly bias: Float64Array }): LinearHead => {
      const weight = head.weight.map((value, i) => value * (scale[i % features] ?? 0));
      const bias = head.bias.map((value, k) =>
        mean.reduce((sum, m, f) => sum - m * (weight[k * features + f] ?? 0), value),
      );
      return { weight: Float32Array.from(weight), bias: Float32Array.from(bias) };
    },
  };
}

/** Deals the examples of each class out to the folds in turn; null where a class has a single example. */
function foldsOf(labels: readonly number[], classes: number): { count: number; of: readonly number[] } | null {
  const counts = Array.from({ length: classes }, (_, k) => labels.filter((label) => label === k).length);
  const fewest = Math.min(...counts);
  if (fewest < 2) return null;
  const count = Math.min(MAX_FOLDS, fewest);
  const seen = counts.map(() => 0);
  const of = labels.map((label) => {
    const turn = seen[label] ?? 0;
    seen[label] = turn + 1;
    return turn % count;
  });
  return { count, of };
}

function softmax(scores: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(scores);
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}
