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
import type { LinearHead } from '../../model/model.js';
import { callSafely } from '../options.js';

/** Rows of `features` numbers, one behind the other. */
export interface Examples {
  readonly data: Float64Array;
  readonly features: number;
  /** Class of each row. */
  readonly labels: readonly number[];
  readonly classes: number;
}

/** A head whose weight is [class][feature]. */
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
      toProbabilities(scores);
      if (scores.indexOf(Math.max(...scores)) !== label) wrong++;
      loss -= Math.log(Math.max(scores[label] ?? 0, 1e-12));
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
  const current = start?.slice() ?? new Float64Array(n * classes);
  const [ahead, gradient, change] = [current.slice(), current.slice(), current.slice()];
  const scores = new Float64Array(n * classes);
  multiply(own, current, scores, n);
  const aheadScores = scores.slice();
  let momentum = 1;
  for (let step = 0; step < MAX_STEPS; step++) {
    writeGradient(gradient, aheadScores, ahead, targets, classes, C);
    multiply(inverse, gradient, change, n);
    const following = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    const push = (momentum - 1) / following;
    momentum = following;
    let largest = 0;
    for (let i = 0; i < current.length; i++) {
      const next = (ahead[i] ?? 0) - (change[i] ?? 0);
      // The Gram matrix times the inverse is 2/C · (I − inverse), so that the scores need no product of their own.
      const score = (aheadScores[i] ?? 0) - (2 / C) * ((gradient[i] ?? 0) - (change[i] ?? 0));
      const moved = score + push * (score - (scores[i] ?? 0));
      largest = Math.max(largest, Math.abs(moved - (aheadScores[i] ?? 0)));
      ahead[i] = next + push * (next - (current[i] ?? 0));
      current[i] = next;
      scores[i] = score;
      aheadScores[i] = moved;
    }
    if (largest < tolerance) break;
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
function writeGradient(
  gradient: Float64Array,
  scores: Float64Array,
  coefficients: Float64Array,
  targets: Int32Array,
  classes: number,
  C: number,
): void {
  const n = targets.length;
  const row = new Float64Array(classes);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < classes; k++) row[k] = scores[k * n + i] ?? 0;
    toProbabilities(row);
    for (let k = 0; k < classes; k++) {
      const error = (row[k] ?? 0) - (targets[i] === k ? 1 : 0);
      gradient[k * n + i] = (coefficients[k * n + i] ?? 0) + C * error;
    }
  }
}

/**
 * (I + factor · matrix)⁻¹ of a symmetric matrix, by sweeping its lower triangle pivot by pivot; none need be sought, since
 * it is positive definite.
 */
function inverseOf(matrix: Float64Array, n: number, factor: number): Float64Array {
  const m = matrix.map((value) => factor * value);
  for (let i = 0; i < n; i++) m[i * n + i] = (m[i * n + i] ?? 0) + 1;
  const column = new Float64Array(n);
  for (let p = 0; p < n; p++) {
    const pivot = 1 / (m[p * n + p] ?? 1);
    for (let i = 0; i < n; i++) column[i] = (i < p ? m[p * n + i] : m[i * n + p]) ?? 0;
    for (let i = 0; i < n; i++) {
      if (i === p) continue;
      const multiple = (column[i] ?? 0) * pivot;
      // What is swept has changed its sign; what is not, has not.
      for (let j = 0, entry = i * n; j <= i; j++, entry++) m[entry] = (m[entry] ?? 0) - multiple * (column[j] ?? 0);
      m[i > p ? i * n + p : p * n + i] = multiple;
    }
    m[p * n + p] = -pivot;
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const value = -(m[i * n + j] ?? 0);
      m[i * n + j] = value;
      m[j * n + i] = value;
    }
  }
  return m;
}

/** Writes the product of a symmetric matrix and each column, [class][row]. */
function multiply(matrix: Float64Array, columns: Float64Array, product: Float64Array, n: number): void {
  for (let at = 0; at < columns.length; at += n) {
    for (let i = 0; i < n; i++) product[at + i] = dot(matrix, i * n, columns, at, n);
  }
}

/** X Xᵀ, and the product of the constant features. */
function gramOf(x: Float64Array, { features, labels }: Examples): Float64Array {
  const n = labels.length;
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      const product = BIAS_SQUARED + dot(x, i * features, x, j * features, features);
      gram[i * n + j] = product;
      gram[j * n + i] = product;
    }
  }
  return gram;
}

/** Sum of products of two rows that begin at `p` and `q`. In four sums, of which none waits for another: twice as fast. */
function dot(a: Float64Array, p: number, b: Float64Array, q: number, n: number): number {
  let sum0 = 0;
  let sum1 = 0;
  let sum2 = 0;
  let sum3 = 0;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    sum0 += (a[p + i] ?? 0) * (b[q + i] ?? 0);
    sum1 += (a[p + i + 1] ?? 0) * (b[q + i + 1] ?? 0);
    sum2 += (a[p + i + 2] ?? 0) * (b[q + i + 2] ?? 0);
    sum3 += (a[p + i + 3] ?? 0) * (b[q + i + 3] ?? 0);
  }
  for (; i < n; i++) sum0 += (a[p + i] ?? 0) * (b[q + i] ?? 0);
  return sum0 + sum1 + (sum2 + sum3);
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

/** Scores → softmax, in place. */
function toProbabilities(scores: Float64Array): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < scores.length; k++) largest = Math.max(largest, scores[k] ?? 0);
  let sum = 0;
  for (let k = 0; k < scores.length; k++) {
    const exponential = Math.exp((scores[k] ?? 0) - largest);
    scores[k] = exponential;
    sum += exponential;
  }
  for (let k = 0; k < scores.length; k++) scores[k] = (scores[k] ?? 0) / sum;
}
