/** What a step does to the arena, read off the plan. */
import type { NetworkPlan } from 'densenet-webgpu';
import { amount, bytes } from '../format.js';

export type Bank = NetworkPlan['arena']['regions'][number]['bank'];

export interface Use {
  readonly region: string;
  readonly isRead: boolean;
  readonly bank: Bank;
  /** In the bank. */
  readonly offset: number;
  readonly bytes: number;
}

/** Bindings that a kernel only reads; the others that point into the arena are what it writes. */
const READ: ReadonlySet<string> = new Set(['src', 'logits']);

/** The ranges of the arena that step `s` reads and writes. */
export function usesOf(plan: NetworkPlan, s: number): readonly Use[] {
  return Object.entries(plan.steps[s]?.bindings ?? {}).flatMap(([binding, source]) => {
    if (source.at !== 'region') return [];
    const region = plan.arena.regions.find(({ name }) => name === source.name);
    if (!region) return [];
    const offset = source.offset ?? 0;
    return {
      region: region.name,
      isRead: READ.has(binding),
      bank: region.bank,
      offset: region.offset + offset,
      bytes: source.bytes ?? region.bytes - offset,
    };
  });
}

/** One step in words. */
export function describeStep(plan: NetworkPlan, s: number): string {
  const step = plan.steps[s];
  if (!step) return '';
  const live = plan.arena.regions.filter(({ first, last }) => first <= s && s <= last);
  const phrase = (isRead: boolean) =>
    usesOf(plan, s)
      .filter((use) => use.isRead === isRead)
      .map((use) => `${bytes(use.bytes)} of ${use.region}`)
      .join(', ');
  const reads = phrase(true);
  return [
    `${s + 1} of ${plan.steps.length}: ${step.name}, kernel ${step.kernel}`,
    reads ? `reads ${reads}` : 'reads the input',
    `writes ${phrase(false)}`,
    ...(step.macs > 0 ? [`${amount(step.macs)} multiply-adds`] : []),
    `${bytes(live.reduce((sum, region) => sum + region.bytes, 0))} alive`,
  ].join('; ');
}
