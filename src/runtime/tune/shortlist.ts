/** Chooses the variants of a shape that are worth measuring. */
import type { Variant } from '../../kernels/variants.js';

/** Variants that are tried of each strategy; twice as many where there is only one. */
const PER_STRATEGY = 2;

/**
 * The best of each strategy by the model, which knows least how long a broadcast, a load or a barrier takes.
 *
 * @param variants as `candidates` gives them, best first; the first stays the first
 */
export function shortlist(variants: readonly Variant[]): readonly Variant[] {
  const strategies = new Map<string, Variant[]>();
  for (const variant of variants) {
    const strategy = strategyOf(variant);
    strategies.set(strategy, [...(strategies.get(strategy) ?? []), variant]);
  }
  const tried = strategies.size > 1 ? PER_STRATEGY : 2 * PER_STRATEGY;
  return [...strategies.values()].flatMap((alike) => alike.slice(0, tried));
}

function strategyOf({ tile: { SUBGROUP = 1, STAGED, SLICES } }: Variant): string {
  if (SLICES) return 'sliced';
  if (STAGED) return 'staged';
  return SUBGROUP > 1 ? 'broadcast' : 'plain';
}
