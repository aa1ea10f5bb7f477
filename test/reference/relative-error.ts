/** How far numbers are from those expected; needs no file, so that it works in a browser too. */

/** The largest absolute difference over the largest expected magnitude; NaN where anything is NaN or lengths differ. */
export function relativeError(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.NaN;
  let error = 0;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    error = Math.max(error, Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(expected[i] ?? Number.NaN));
  }
  return error / largest;
}
