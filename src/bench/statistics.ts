/** Order statistics and errors of small samples. */

export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

/** Linear interpolation between the order statistics. @param values at least one */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (at - Math.floor(at)) * (high - low);
}

export const spread = (values: readonly number[]): Spread => ({
  median: quantile(values, 0.5),
  p10: quantile(values, 0.1),
  p90: quantile(values, 0.9),
});

/** The largest error, relative to the largest magnitude of the reference; Infinity for a NaN or another length. */
export function relativeError(found: ArrayLike<number>, reference: ArrayLike<number>): number {
  if (found.length !== reference.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  let magnitude = 0;
  for (let i = 0; i < reference.length; i++) {
    const expected = reference[i] ?? Number.NaN;
    const difference = Math.abs((found[i] ?? Number.NaN) - expected);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    error = Math.max(error, difference);
    magnitude = Math.max(magnitude, Math.abs(expected));
  }
  return error / (magnitude || 1);
}
