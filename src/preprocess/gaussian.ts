/**
 * The taps of scikit-image's `resize(mode='constant')`, from its transform/_warps.py: a blur before linear interpolation.
 * Few models ask for it (torchxrayvision's), so it is a file of its own beside the library.
 */
import { type Blur, fixedPoint, WEIGHT_BITS } from './coefficients.js';

/** Standard deviations at which scipy's gaussian_filter cuts off. */
const TRUNCATE = 4;
const MID_GREY = 127.5;

/** Linear interpolation between two pixels of the blurred picture; of what lies beyond it, mid-grey comes in. */
export const gaussianTaps: Blur = (antialias, source, resized, output) => {
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
  return { start, weights, beyond: Math.trunc(missing * MID_GREY) };
};
