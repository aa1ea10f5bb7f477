/**
 * The kernels without a tile in double precision, with the error that f32 arithmetic may make: (terms + roundings of a
 * term) · 2⁻²⁴ times the sum of the magnitudes (as in reference.ts); for exp and division what WGSL allows (section
 * 15.7.4: exp 3 + 2·|x| ULP, division 2.5 ULP; a ULP is up to 2⁻²³ of the value). Shares no code with `src`.
 */
import { F32_UNIT, pixelsOf, type Result, type Shape } from './reference.js';

const at = (list: ArrayLike<number>, index: number): number => list[index] ?? Number.NaN;
const channelOf = (shape: Shape, i: number): number => Math.floor(i / pixelsOf(shape)) % shape.channels;
const DIVISION = 5;

/** 3×3, stride 2, padding 1 that never wins; exact. */
export function maxPool(x: ArrayLike<number>, shape: Shape): Result {
  const result = { ...shape, height: Math.ceil(shape.height / 2), width: Math.ceil(shape.width / 2) };
  const pixels = pixelsOf(result);
  const values = Float64Array.from({ length: shape.batch * shape.channels * pixels }, (_, i) => {
    const [column, row, plane] = [
      i % result.width,
      Math.floor(i / result.width) % result.height,
      Math.floor(i / pixels),
    ];
    let most = Number.NEGATIVE_INFINITY;
    for (let y = Math.max(0, 2 * row - 1); y <= Math.min(shape.height - 1, 2 * row + 1); y++) {
      for (let c = Math.max(0, 2 * column - 1); c <= Math.min(shape.width - 1, 2 * column + 1); c++)
        most = Math.max(most, at(x, (plane * shape.height + y) * shape.width + c));
    }
    return most;
  });
  return { values, bounds: new Float64Array(values.length), shape: result };
}

/** relu(scale · x + shift): a product and a sum, each rounded. */
export function normalize(x: ArrayLike<number>, shape: Shape, scale: Float32Array, shift: Float32Array): Result {
  const size = shape.batch * shape.channels * pixelsOf(shape);
  const product = (i: number) => at(x, i) * at(scale, channelOf(shape, i));
  const values = Float64Array.from({ length: size }, (_, i) =>
    Math.max(0, product(i) + at(shift, channelOf(shape, i))),
  );
  const bounds = Float64Array.from({ length: size }, (_, i) => {
    return 2 * F32_UNIT * (Math.abs(product(i)) + Math.abs(at(shift, channelOf(shape, i))));
  });
  return { values, bounds, shape };
}

/** Means over the pixels: [batch, channels, 1, 1]. */
export function globalAverage(normed: Result): Result {
  const { shape } = normed;
  const pixels = pixelsOf(shape);
  const sum = (values: Float64Array, plane: number) =>
    values.subarray(plane * pixels, (plane + 1) * pixels).reduce((a, b) => a + Math.abs(b), 0);
  const values = Float64Array.from({ length: shape.batch * shape.channels }, (_, p) => sum(normed.values, p) / pixels);
  const bounds = values.map(
    (value, p) => sum(normed.bounds, p) / pixels + (pixels + DIVISION) * F32_UNIT * Math.abs(value),
  );
  return { values, bounds, shape: { ...shape, height: 1, width: 1 } };
}

/** [batch, classes]; `weight` is [classes][channels]. */
export function linear(features: ArrayLike<number>, batch: number, weight: Float32Array, bias: Float32Array): Result {
  const classes = bias.length;
  const channels = weight.length / classes;
  const values = new Float64Array(batch * classes);
  const bounds = new Float64Array(batch * classes);
  for (let i = 0; i < values.length; i++) {
    const [n, o] = [Math.floor(i / classes), i % classes];
    let [sum, magnitude] = [at(bias, o), Math.abs(at(bias, o))];
    for (let c = 0; c < channels; c++) {
      const term = at(features, n * channels + c) * at(weight, o * channels + c);
      sum += term;
      magnitude += Math.abs(term);
    }
    values[i] = sum;
    bounds[i] = (channels + 2) * F32_UNIT * magnitude;
  }
  return { values, bounds, shape: { batch, channels: classes, height: 1, width: 1 } };
}

/** The map of one class per image: [batch, 1, height, width]; `weight` is [classes][channels]. */
export function classActivation(normed: Result, weight: Float32Array, classOf: ArrayLike<number>): Result {
  const { batch, channels, height, width } = normed.shape;
  const pixels = height * width;
  const values = new Float64Array(batch * pixels);
  const bounds = new Float64Array(batch * pixels);
  for (let i = 0; i < values.length; i++) {
    const [n, pixel] = [Math.floor(i / pixels), i % pixels];
    let magnitude = 0;
    for (let c = 0; c < channels; c++) {
      const index = (n * channels + c) * pixels + pixel;
      const w = at(weight, at(classOf, n) * channels + c);
      values[i] = at(values, i) + w * at(normed.values, index);
      magnitude += Math.abs(w * at(normed.values, index));
      bounds[i] = at(bounds, i) + Math.abs(w) * at(normed.bounds, index);
    }
    bounds[i] = at(bounds, i) + (channels + 2) * F32_UNIT * magnitude;
  }
  return { values, bounds, shape: { batch, channels: 1, height, width } };
}

/** Scores of one row of logits. */
export function scores(logits: readonly number[], sigmoid: boolean): Result {
  const exponentError = (x: number) => 2 * F32_UNIT * (3 + 3 * Math.abs(x));
  const most = Math.max(...logits);
  const exponents = logits.map((logit) => (sigmoid ? -logit : logit - most));
  const total = exponents.reduce((sum, x) => sum + Math.exp(x), 0);
  const totalError = exponents.reduce((sum, x) => sum + exponentError(x) * Math.exp(x), 0) / total;
  const values = Float64Array.from(exponents, (x) => (sigmoid ? 1 / (1 + Math.exp(x)) : Math.exp(x) / total));
  const bounds = values.map((value, i) => {
    const x = at(exponents, i);
    // Of 1 / (1 + e) the error of e counts by e / (1 + e), at most 1; of e / Σ both count, and the sum's roundings.
    const relative = sigmoid ? exponentError(x) : exponentError(x) + totalError + (logits.length + 1) * F32_UNIT;
    return (relative + 2 * DIVISION * F32_UNIT) * value + 2 ** -126;
  });
  return { values, bounds, shape: { batch: 1, channels: logits.length, height: 1, width: 1 } };
}
