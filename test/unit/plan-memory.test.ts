/**
 * A plan computes what it says: executed symbolically, every byte that a step reads holds what an earlier step wrote
 * there for it, and every result is still whole at the end.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bank, regionNamed } from '../../src/plan/arena.js';
import { type NetworkPlan, planNetwork } from '../../src/plan/network.js';
import { type Source, type Step, WRITTEN } from '../../src/plan/step.js';
import { plans } from './plan-configs.js';

/** Bytes [from, to) of a bank. */
interface Range {
  readonly bank: Bank;
  readonly from: number;
  readonly to: number;
  readonly region: string;
}

/** Channel quads that a step stores, for kernels that store whole planes; else undefined. */
function storedQuads({ kernel, params, workgroups }: Step): number | undefined {
  if ('outQuads' in params && kernel !== 'linear') return params.outQuads;
  return kernel === 'pack' || kernel === 'maxpool' || kernel === 'normalize' ? workgroups[1] : undefined;
}

function rangeOf(plan: NetworkPlan, source: Source): Range | null {
  if (source.at !== 'region') return null;
  const region = regionNamed(plan.arena.regions, source.name);
  const from = region.offset + (source.offset ?? 0);
  const to = from + (source.bytes ?? region.bytes - (source.offset ?? 0));
  return { bank: region.bank, from, to, region: region.name };
}

/** What a step writes: its binding, or less of it where the kernel stores fewer quads than fit. */
function writes(plan: NetworkPlan, step: Step): Range[] {
  return Object.entries(step.bindings).flatMap(([name, source]: [string, Source]) => {
    const range = WRITTEN.has(name) ? rangeOf(plan, source) : null;
    if (!range) return [];
    const quads = storedQuads(step);
    if (quads === undefined || !('dstPlane' in step.params)) return [range];
    const bytes = quads * step.params.dstPlane * (plan.options.activations === 'f16' ? 8 : 16);
    expect(range.from + bytes, step.name).toBeLessThanOrEqual(range.to);
    return [{ ...range, to: range.from + bytes }];
  });
}

const reads = (plan: NetworkPlan, step: Step): Range[] =>
  Object.entries(step.bindings).flatMap(([name, source]: [string, Source]) => {
    const range = WRITTEN.has(name) ? null : rangeOf(plan, source);
    return range ? [range] : [];
  });

/** Who wrote each 4-byte word of a bank last. */
class Memory {
  private readonly banks: readonly string[][];

  constructor(bankBytes: readonly number[]) {
    this.banks = bankBytes.map((bytes) => Array<string>(bytes / 4).fill('nothing'));
  }

  write({ bank, from, to, region }: Range): void {
    this.banks[bank]?.fill(region, from / 4, to / 4);
  }

  /** Other owners of words in the range. */
  strangers({ bank, from, to, region }: Range): string[] {
    const owners = new Set(this.banks[bank]?.slice(from / 4, to / 4));
    owners.delete(region);
    return [...owners];
  }
}

function execute(plan: NetworkPlan): void {
  const memory = new Memory(plan.arena.bankBytes);
  for (const step of plan.steps) {
    for (const range of reads(plan, step))
      expect(memory.strangers(range), `${step.name} reads ${range.region}`).toEqual([]);
    for (const range of writes(plan, step)) memory.write(range);
  }
  const kept = ['pooled', 'logits', 'best', 'scores', 'heat'];
  if (plan.options.taps) kept.push(...plan.taps.map(({ region }) => region));
  for (const name of kept) {
    const range = rangeOf(plan, { at: 'region', name });
    if (range) expect(memory.strangers(range), `${name} at the end`).toEqual([]);
  }
}

describe('a plan, executed symbolically,', () => {
  it('reads only what was written for it, and keeps its results', () => {
    fc.assert(
      fc.property(plans, (plan) => execute(plan)),
      { numRuns: 200 },
    );
  });

  it('would be caught if two of its regions clashed', () => {
    const config = fc.sample(plans, { numRuns: 1, seed: 1 })[0]?.config;
    if (!config) throw new Error('no sample');
    const plan = planNetwork(config, {
      ...{ batch: 1, inputSize: [40, 40], activations: 'f32', caps: { subgroup: null }, taps: true },
    });
    const regions = plan.arena.regions.map((region) => (region.bank === 0 ? { ...region, offset: 0 } : region));
    expect(() => execute({ ...plan, arena: { ...plan.arena, regions } })).toThrow();
  });

  it('fills each block without a hole and without writing any of it twice', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const blocks = plan.arena.regions.filter(({ name }) => /^block\d+$/.test(name));
        expect(blocks.length).toBe(plan.config.blocks.length);
        for (const block of blocks) {
          const slices = plan.steps.flatMap((step) => writes(plan, step).filter(({ region }) => region === block.name));
          slices.sort((a, b) => a.from - b.from);
          expect(slices.map(({ from }) => from)).toEqual([block.offset, ...slices.slice(0, -1).map(({ to }) => to)]);
          expect(slices.at(-1)?.to).toBe(block.offset + block.bytes);
        }
      }),
    );
  });
});
