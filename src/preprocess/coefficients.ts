/**
 * Resampling along one axis as Pillow does it for 8-bit images: which source pixels make each output pixel, and with
 * which fixed-point weights. With them, integer arithmetic gives Pillow's result bit for bit.
 *
 * Facts from Pillow's src/libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc) and, for `nearest`,
 * Geometry.c (ImagingScaleAffine).
 */
import type { ResizeFilter } from './spec.js';

/** Bits behind the point of a weight: 32 less 8 for the pixel and 2 for overshoot (Pillow's PRECISION_BITS). */
const WEIGHT_BITS = 22;

/** Source pixels `start`, `start + 1`, … and their weights × 2²²; no weights at all make the pixel zero. */
export interface Taps {
  readonly start: number;
  readonly weights: readonly number[];
  /** Added to the weighted sum, × 2²²: what lies beyond the image, where that counts. */
  readonly beyond?: number;
}

/** The curve of a filter over the distance from the output pixel's centre, in source pixels (before widening). */
interface Curve {
  readonly support: number;
  readonly at: (distance: number) => number;
}

const CURVES: Readonly<Record<Exclude<ResizeFilter, 'nearest' | 'gaussian'>, Curve>> = {
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) },
};

/** Keys' cubic convolution with a = −0.5, in Pillow's order of operations. */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/**
 * The taps of output pixels [first, first + count) of an axis resized from `source` to `resized` pixels. Pixels outside
 * the resized axis have no taps: a crop that is larger than the image pads it with zeros. An axis that keeps its size
 * has one tap of weight one, which returns the pixel exactly, as Pillow's skipped pass does.
 */
export function tapsOf(
  axis: { readonly source: number; readonly resized: number; readonly first: number; readonly count: number },
  filter: ResizeFilter,
  antialias: boolean,
): Taps[] {
  const { source, resized, first, count } = axis;
  const tapsAt =
    filter === 'nearest' || source === resized
      ? nearestTaps(source, resized)
      : filter === 'gaussian'
        ? (output: number) => gaussianTaps(antialias, source, resized, output)
        : (output: number) => curveTaps(CURVES[filter], antialias, source, resized, output);
  return Array.from({ length: count }, (_, i) =>
    first + i >= 0 && first + i < resized ? tapsAt(first + i) : { start: 0, weights: [] },
  );
}

function curveTaps(curve: Curve, antialias: boolean, source: number, resized: number, output: number): Taps {
  const scale = source / resized;
  const widening = antialias ? Math.max(1, scale) : 1;
  const support = curve.support * widening;
  const centre = (output + 0.5) * scale;
  const start = Math.max(0, Math.trunc(centre - support + 0.5));
  const end = Math.min(source, Math.trunc(centre + support + 0.5));
  const step = 1 / widening;
  const raw = Array.from({ length: end - start }, (_, i) => curve.at((i + start - centre + 0.5) * step));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return { start, weights: raw.map((weight) => fixedPoint(sum === 0 ? weight : weight / sum)) };
}

/** Standard deviations at which scipy's gaussian_filter cuts off. */
const TRUNCATE = 4;
const MID_GRAY = 127.5;

/**
 * scikit-image's `resize(mode='constant')`, from its transform/_warps.py: a blur before linear interpolation between two
 * pixels of the blurred image; beyond it is mid-gray.
 */
function gaussianTaps(antialias: boolean, source: number, resized: number, output: number): Taps {
  const scale = source / resized;
  const sigma = antialias ? Math.max(0, (scale - 1) / 2) : 0;
  const reach = Math.trunc(TRUNCATE * sigma + 0.5);
  const bell = (x: number) => (Math.abs(x) > reach ? 0 : x === 0 ? 1 : Math.exp(-((x / sigma) ** 2) / 2));
  let total = 0;
  for (let x = -reach; x <= reach; x++) total += bell(x);
  const at = (output + 0.5) * scale - 0.5;
  const left = Math.floor(at);
  const shares = [left < 0 ? 0 : left + 1 - at, left + 1 >= source ? 0 : at - left] as const;
  const start = Math.max(0, left - reach);
  const end = Math.min(source, left + reach + 2);
  const weights = Array.from({ length: end - start }, (_, i) => {
    const x = i + start - left;
    return fixedPoint((shares[0] * bell(x) + shares[1] * bell(x - 1)) / total);
  });
  const missing = weights.reduce((rest, weight) => rest - weight, 2 ** WEIGHT_BITS);
  return { start, weights, beyond: Math.trunc(missing * MID_GRAY) };
}

/** Rounds half away from zero. */
function fixedPoint(weight: number): number {
  return Math.trunc(weight * 2 ** WEIGHT_BITS + (weight < 0 ? -0.5 : 0.5));
}

/**
 * Pillow steps through the axis by adding, and the sum's rounding error can decide which pixel is nearest, so this adds
 * too. Outputs must be asked for in ascending order.
 */
function nearestTaps(source: number, resized: number): (output: number) => Taps {
  const scale = source / resized;
  let position = scale * 0.5;
  let reached = 0;
  return (output) => {
    for (; reached < output; reached++) position += scale;
    return { start: Math.min(source - 1, Math.trunc(position)), weights: [2 ** WEIGHT_BITS] };
  };
}

/**
 * Taps as the resize kernels read them, starts counted from `origin`: [start, count, first summand, weight 0, weight 1,
 * …][output] of i32, weights padded with zeros. The first summand rounds the sum.
 */
export function packTaps(taps: readonly Taps[], origin: number): Int32Array<ArrayBuffer> {
  const longest = Math.max(0, ...taps.map(({ weights }) => weights.length));
  const packed = new Int32Array((3 + longest) * taps.length);
  taps.forEach(({ start, weights, beyond = 0 }, output) => {
    const column = [Math.max(0, start - origin), weights.length, beyond + 2 ** (WEIGHT_BITS - 1), ...weights];
    for (const [row, value] of column.entries()) packed[row * taps.length + output] = value;
  });
  return packed;
}
