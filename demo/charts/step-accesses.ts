/** Which parts of the arena a step reads and writes, according to the plan. */
import type { NetworkPlan } from 'densenet-webgpu';
import { amount, bytes } from '../format.js';

export type Bank = NetworkPlan['arena']['regions'][number]['bank'];

export interface Access {
  readonly region: string;
  readonly isRead: boolean;
  readonly bank: Bank;
  /** Bytes from the start of the bank. */
  readonly offset: number;
  readonly bytes: number;
}

/** Bindings that a kernel only reads. It writes all others that point into the arena. */
const READ: ReadonlySet<string> = new Set(['src', 'logits']);

/** The ranges of the arena that step `s` reads and writes. */
export function accessesOf(plan: NetworkPlan, s: number): readonly Access[] {
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

/** Describes a step in one sentence. */
export function describeStep(plan: NetworkPlan, s: number): string {
  const step = plan.steps[s];
  if (!step) return '';
  const live = plan.arena.regions.filter(({ first, last }) => first <= s && s <= last);
  const phrase = (isRead: boolean) =>
    accessesOf(plan, s)
      .filter((access) => access.isRead === isRead)
      .map((access) => `${bytes(access.bytes)} of ${access.region}`)
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
