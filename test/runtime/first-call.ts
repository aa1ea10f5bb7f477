/** How much slower the first call after a load is. */

/**
 * The median over the loads of the first call's time over the median of the later ones' of the same load: other work on
 * the machine moves single calls by more than what is to be seen.
 *
 * @param calls of each load, in order
 */
export function firstOverLater(calls: readonly (readonly number[])[]): number {
  const ratios = calls.map(([first = 0, ...later]) => first / median(later));
  console.log(`first call over later ones: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`);
  return median(ratios);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
