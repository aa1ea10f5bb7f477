/** The planner's promises, for any member of the family at any size and batch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DenseNetConfig, familyConfig } from '../../src/model/config.js';
import { BINDING_ALIGNMENT, type Region, regionNamed } from '../../src/plan/arena.js';
import { type NetworkPlan, planNetwork } from '../../src/plan/network.js';
import type { Source, Step } from '../../src/plan/step.js';
import { layoutWeights } from '../../src/weights/pack.js';

const traits = fc.constantFrom(
  { subgroup: null },
  { subgroup: { min: 4, max: 4 } },
  { subgroup: { min: 32, max: 32 } },
);

const configs: fc.Arbitrary<DenseNetConfig> = fc
  .record({
    stem: fc.constantFrom('imagenet' as const, 'cifar' as const),
    blocks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
    growthRate: fc.integer({ min: 1, max: 9 }),
    initFeatures: fc.integer({ min: 1, max: 20 }),
    bottleneck: fc.constantFrom(null, 4),
    inChannels: fc.integer({ min: 1, max: 6 }),
    classes: fc.integer({ min: 1, max: 30 }),
    shrink: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ shrink, ...row }) => {
    const transitions: number[] = [];
    let channels = row.initFeatures;
    for (const layers of row.blocks.slice(0, -1)) {
      channels = Math.ceil((channels + layers * row.growthRate) / shrink);
      transitions.push(channels);
    }
    return { ...row, transitions, stemNorm: row.stem === 'imagenet', bnEpsilon: 1e-5 };
  });

const plans = fc
  .record({
    config: configs,
    traits,
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 32, max: 70 }),
    width: fc.integer({ min: 32, max: 70 }),
    activations: fc.constantFrom('f32' as const, 'f16' as const),
    taps: fc.boolean(),
  })
  .map(({ config, height, width, ...options }) => planNetwork(config, { ...options, inputSize: [height, width] }));

const WRITTEN = new Set(['dst', 'best', 'scores']);

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
      }),
      { numRuns: 20 },
    );
  });

  it('of DenseNet-121 at 1×3×224×224 meets the lower bound within a tenth, 8 MB and 125 dispatches', () => {
    const plan = planNetwork(familyConfig('densenet121'), {
      batch: 1,
      inputSize: [224, 224],
      activations: 'f32',
      traits: { subgroup: null },
    });
    expect(plan.arena.bytes / plan.arena.lowerBoundBytes).toBeLessThanOrEqual(1.1);
    expect(plan.arena.bytes).toBeLessThanOrEqual(8e6);
    expect(plan.steps.filter(({ stage }) => stage === 'input' || stage === 'network').length).toBeLessThanOrEqual(125);
    const { bytes } = layoutWeights(plan.config, 'f32');
    expect(bytes + plan.arena.bytes).toBeLessThanOrEqual(45e6);
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
