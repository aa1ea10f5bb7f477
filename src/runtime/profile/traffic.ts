/** What a step moves, from the plan: every byte that it binds, once, as if no cache helped and nothing was read twice. */
import { type Region, regionNamed } from '../../plan/arena.js';
import { type Source, type Step, WRITTEN } from '../../plan/step.js';
import type { WeightLayout } from '../../weights/pack.js';

export function trafficOf(
  step: Step,
  regions: readonly Region[],
  { ranges }: WeightLayout,
): { readonly bytesRead: number; readonly bytesWritten: number } {
  const bytesOf = (source: Source): number => {
    switch (source.at) {
      case 'region':
        return source.bytes ?? regionNamed(regions, source.name).bytes - (source.offset ?? 0);
      case 'weights':
        return ranges.get(source.name)?.bytes ?? 0;
      case 'external':
        return 0; // the caller's input, which no step of an inference's network reads
    }
  };
  let [bytesRead, bytesWritten] = [0, 0];
  for (const [name, source] of Object.entries(step.bindings)) {
    if (WRITTEN.has(name)) bytesWritten += bytesOf(source);
    else bytesRead += bytesOf(source);
  }
  return { bytesRead, bytesWritten };
}
