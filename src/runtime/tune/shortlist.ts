/** Which of a shape's variants are worth measuring. */
import type { Variant } from '../../kernels/variants.js';

/** Variants of each way that are tried; where an adapter has but one way, and compiles slowly, as many as that again. */
const OF_EACH_WAY = 2;

/**
 * The best of each way by the model, since how long a broadcast, a load or a barrier takes is what it knows least.
 *
 * @param variants as `candidates` gives them, best first; the first stays the first
 */
export function contenders(variants: readonly Variant[]): readonly Variant[] {
  const ways = new Map<string, Variant[]>();
  for (const variant of variants) {
    const way = wayOf(variant);
    ways.set(way, [...(ways.get(way) ?? []), variant]);
  }
  const tried = ways.size > 1 ? OF_EACH_WAY : 2 * OF_EACH_WAY;
  return [...ways.values()].flatMap((alike) => alike.slice(0, tried));
}

function wayOf({ tile: { SUBGROUP = 1, STAGED, SLICES } }: Variant): string {
  if (SLICES) return 'sliced';
  if (STAGED) return 'staged';
  return SUBGROUP > 1 ? 'broadcast' : 'plain';
}
