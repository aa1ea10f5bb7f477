/** The planner's promises, for any member of the family at any size and batch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAMILY, familyConfig } from '../../src/model/family.js';
import { BINDING_ALIGNMENT, type Region, regionNamed } from '../../src/plan/arena.js';
import { type NetworkPlan, planNetwork } from '../../src/plan/network.js';
import { type Source, type Step, WRITTEN } from '../../src/plan/step.js';
import { layoutWeights } from '../../src/weights/pack.js';
import { configs, plans } from './plan-configs.js';

/** The byte ranges that a step reads and writes: [bank, from, to). */
function ranges(plan: NetworkPlan, step: Step, written: boolean): { region: Region; from: number; to: number }[] {
  const sources: [string, Source][] = Object.entries(step.bindings);
  return sources.flatMap(([name, source]) => {
    if (source.at !== 'region' || WRITTEN.has(name) !== written) return [];
    const region = regionNamed(plan.arena.regions, source.name);
    const from = region.offset + (source.offset ?? 0);
    return [{ region, from, to: from + (source.bytes ?? region.bytes - (source.offset ?? 0)) }];
  });
}

describe('a plan', () => {
  it('gives regions that live at the same time in the same bank disjoint ranges', () => {
    fc.assert(
      fc.property(plans, ({ arena }) => {
        for (const [i, a] of arena.regions.entries()) {
          expect(a.offset + a.bytes).toBeLessThanOrEqual(arena.bankBytes[a.bank]);
          for (const b of arena.regions.slice(i + 1)) {
            const meet = a.bank === b.bank && a.first <= b.last && b.first <= a.last;
            const overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
            expect(meet && overlap, `${a.name} and ${b.name}`).toBe(false);
          }
        }
        expect(arena.bytes).toBeGreaterThanOrEqual(arena.lowerBoundBytes);
      }),
    );
  });

  it('reads one bank and writes the other, or disjoint ranges of one where it says so', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        for (const step of plan.steps) {
          for (const read of ranges(plan, step, false)) {
            for (const write of ranges(plan, step, true)) {
              if (step.variant.inPlace) expect(read.to <= write.from || write.to <= read.from, step.name).toBe(true);
              else expect(read.region.bank, step.name).not.toBe(write.region.bank);
            }
          }
        }
      }),
    );
  });

  it('binds aligned ranges inside their regions, and reads nothing that was not written', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const written = new Set<string>();
        for (const step of plan.steps) {
          for (const range of [...ranges(plan, step, false), ...ranges(plan, step, true)]) {
            expect(range.from % BINDING_ALIGNMENT, step.name).toBe(0);
            expect(range.to, step.name).toBeLessThanOrEqual(range.region.offset + range.region.bytes);
          }
          const isFilledByPictures = (name: string) => name === 'input';
          for (const { region } of ranges(plan, step, false)) {
            expect(
              written.has(region.name) || isFilledByPictures(region.name),
              `${step.name} reads ${region.name}`,
            ).toBe(true);
          }
          for (const { region } of ranges(plan, step, true)) written.add(region.name);
        }
      }),
    );
  });

  it('is plain data', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        expect(structuredClone(plan)).toEqual(plan);
        expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
      }),
      { numRuns: 20 },
    );
  });

  const planOf = (name: string, batch = 1, activations: 'f32' | 'f16' = 'f32') => {
    const config = familyConfig(name);
    const size = config.stem === 'imagenet' ? 224 : 32;
    return planNetwork(config, { batch, inputSize: [size, size], activations, caps: { subgroup: null } });
  };

  it('of DenseNet-121 at 1×3×224×224 meets the lower bound within 15 %, 8 MB and 125 dispatches', () => {
    const plan = planOf('densenet121');
    // At the max pool, the stem's 64×112×112 and the first block's 256×56×56 values are alive.
    expect(plan.arena.lowerBoundBytes).toBe(4 * (64 * 112 * 112 + 256 * 56 * 56));
    expect(plan.arena.bytes / plan.arena.lowerBoundBytes).toBeLessThanOrEqual(1.15);
    expect(plan.arena.bytes).toBeLessThanOrEqual(8e6);
    expect(plan.steps.filter(({ stage }) => stage === 'input' || stage === 'network').length).toBeLessThanOrEqual(125);
    const { bytes } = layoutWeights(plan.config, 'f32');
    expect(bytes + plan.arena.bytes).toBeLessThanOrEqual(45e6);
  });

  it.each(Object.keys(FAMILY))('of %s stays within WebGPU’s default limits and 1.15 of its lower bound', (name) => {
    for (const activations of ['f32', 'f16'] as const) {
      const { arena, steps } = planOf(name, 1, activations);
      expect(arena.bytes / arena.lowerBoundBytes).toBeLessThanOrEqual(1.15);
      expect(Math.max(...arena.bankBytes)).toBeLessThanOrEqual(2 ** 27);
      for (const { workgroups } of steps) expect(Math.max(...workgroups)).toBeLessThanOrEqual(65535);
    }
  });

  it('of a batch beyond the workgroup limit names the limit, both numbers and the repair', () => {
    // The stem's 112 rows of 38 tiles of 3 pixels per image, 64 tiles to a workgroup.
    const pictures = Math.floor((65535 * 64) / (112 * 38));
    expect(planOf('densenet121', pictures).options.batch).toBe(pictures);
    expect(() => planOf('densenet121', pictures + 1)).toThrow(
      `maxComputeWorkgroupsPerDimension is 65535 on this adapter, but ${Math.ceil(((pictures + 1) * 112 * 38) / 64)} ` +
        'is needed: use a smaller batch or input (step stem)',
    );
  });

  it('of an input too small for the network names the smallest', () => {
    const config = familyConfig('densenet121');
    const options = { batch: 1, activations: 'f32', caps: { subgroup: null } } as const;
    expect(() => planNetwork(config, { ...options, inputSize: [8, 224] })).toThrow(/^an input of 8×224 is too small/);
  });
});

describe('the layout of the weights', () => {
  it('gives every tensor an aligned range of its own', () => {
    fc.assert(
      fc.property(configs, fc.constantFrom('f32' as const, 'f16' as const), (config, precision) => {
        const layout = layoutWeights(config, precision);
        const list = [...layout.ranges.values()].sort((a, b) => a.offset - b.offset);
        for (const [i, { offset, bytes }] of list.entries()) {
          expect(offset % BINDING_ALIGNMENT).toBe(0);
          expect(offset + bytes).toBeLessThanOrEqual(list[i + 1]?.offset ?? layout.bytes);
        }
      }),
    );
  });
});
