/** The choice of kernel variants: only what the kernels allow, the adapter covers and the kernel tests run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AdapterCaps, MACHINES, machineFor, type Precision } from '../../src/kernels/machines.js';
import { type ConvShape, shapeKey } from '../../src/kernels/shape.js';
import { candidates, type Variant, variantFor, variantKey } from '../../src/kernels/variants.js';
import { familyConfig } from '../../src/model/family.js';
import { planNetwork } from '../../src/plan/network.js';
import { CAPS, F32, PRECISIONS, variantsOf } from '../kernels/cases.js';

const powers = (from: number, to: number) => fc.integer({ min: from, max: to }).map((exponent) => 2 ** exponent);

/** No subgroups, or any of 4…128 lanes, which WebGPU's `subgroupMinSize` and `subgroupMaxSize` span. */
const adapters: fc.Arbitrary<AdapterCaps> = fc
  .tuple(fc.option(fc.tuple(powers(2, 7), powers(2, 7))), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([sizes, isSoftware, hasSubgroups, hasFloat16]) => ({
    subgroup: sizes && { min: Math.min(...sizes), max: Math.max(...sizes) },
    ...{ isSoftware, hasSubgroups: hasSubgroups && sizes !== null, hasFloat16 },
  }));
const precisions: fc.Arbitrary<Precision> = fc.constantFrom(...PRECISIONS);

const side = fc.integer({ min: 1, max: 224 });
const output = {
  batch: fc.integer({ min: 1, max: 32 }),
  width: side,
  height: side,
  outQuads: fc.integer({ min: 1, max: 512 }),
  inQuads: fc.integer({ min: 1, max: 512 }),
};
const shapes: fc.Arbitrary<ConvShape> = fc.oneof(
  fc.record({ ...output, kernel: fc.constantFrom('conv1x1' as const, 'transition' as const) }),
  fc.record({ ...output, kernel: fc.constant('conv3x3' as const), normed: fc.boolean() }),
  fc.record({
    ...{ ...output, kernel: fc.constant('stem' as const) },
    ...{ size: fc.constant(7), stride: fc.constant(2), channels: fc.constant(3) },
  }),
);

/** WebGPU's default `maxComputeInvocationsPerWorkgroup` and `maxComputeWorkgroupStorageSize`. */
const [MAX_INVOCATIONS, MAX_WORKGROUP_BYTES] = [256, 16384];

function checkVariant(variant: Variant, shape: ConvShape, caps: AdapterCaps, precision: Precision): void {
  const { tile, parts = [], inPlace } = variant;
  const { TILE_PIXELS: pixels = 0, TILE_QUADS: quads = 0, WORKGROUP: workgroup = 0, SPLIT_K: splits = 1 } = tile;
  expect(quads, 'half of a tile exists').toBeLessThan(2 * shape.outQuads);
  expect(workgroup * splits).toBeLessThanOrEqual(MAX_INVOCATIONS);
  expect(workgroup * splits).toBeGreaterThan(0);
  if (splits > 1) {
    expect(caps.hasSubgroups, 'a split is read from one address').toBe(true);
    expect(workgroup % (caps.subgroup?.max ?? 0), 'a split is whole subgroups').toBe(0);
    expect(splits * splits * workgroup * 16, 'the sums fit').toBeLessThanOrEqual(MAX_WORKGROUP_BYTES);
    expect(((shape.kernel === 'conv3x3' ? pixels : 1) * quads) % splits, 'each split stores as many sums').toBe(0);
  }
  const needsSubgroups = parts.some((part) => /shared|split_k/.test(part));
  expect(needsSubgroups && !caps.hasSubgroups).toBe(false);
  if (parts.includes('products_f16')) expect([caps.hasFloat16, precision]).toEqual([true, PRECISIONS[1]]);
  const normed = shape.kernel === 'conv3x3' && shape.normed;
  expect(inPlace ?? false).toBe(normed);
  if (shape.kernel !== 'stem') {
    const tested = variantsOf(shape.kernel, precision, { normed });
    expect(tested.map((each) => variantKey(shape.kernel, each))).toContain(variantKey(shape.kernel, variant));
  }
}

describe('the variants of a shape', () => {
  it('are all valid on the adapter, and run by the kernel tests', () => {
    fc.assert(
      fc.property(shapes, adapters, precisions, (shape, caps, precision) => {
        const variants = candidates(shape, caps, precision);
        expect(variants.length).toBeGreaterThan(0);
        for (const variant of variants) checkVariant(variant, shape, caps, precision);
      }),
      { numRuns: 500 },
    );
  });

  it('depend on shape, adapter and precision alone, and the first is chosen', () => {
    fc.assert(
      fc.property(shapes, adapters, precisions, (shape, caps, precision) => {
        const variants = candidates(shape, caps, precision);
        expect(candidates({ ...shape }, structuredClone(caps), { ...precision })).toEqual(variants);
        expect(variantFor(shape, caps, precision)).toEqual(variants[0]);
      }),
    );
  });

  it('give way to what was measured for the same shape, and for no other', () => {
    fc.assert(
      fc.property(shapes, shapes, adapters, (shape, other, caps) => {
        const measured = candidates(shape, caps, F32).at(-1);
        const tuned = new Map(measured ? [[shapeKey(shape), variantKey(shape.kernel, measured)]] : []);
        expect(variantFor(shape, caps, F32, tuned)).toEqual(measured);
        if (shapeKey(other) !== shapeKey(shape))
          expect(variantFor(other, caps, F32, tuned)).toEqual(variantFor(other, caps, F32));
      }),
    );
  });

  it('are those of the model where a measured choice is not among them: a stale table cannot choose', () => {
    fc.assert(
      fc.property(shapes, adapters, fc.string(), (shape, caps, key) => {
        expect(variantFor(shape, caps, F32, new Map([[shapeKey(shape), key]]))).toEqual(variantFor(shape, caps, F32));
      }),
    );
  });

  it('name the same tile twice in no row, so that no pipeline is measured twice', () => {
    for (const { name, tiles } of MACHINES)
      for (const [kernel, list] of Object.entries(tiles))
        expect(new Set(list.map((tile) => tile.join())).size, `${name}, ${kernel}`).toBe(list.length);
  });
});

describe('the table of machines', () => {
  it('never depends on a name, and gives software and GPUs different rows', () => {
    const rows = CAPS.map((caps) => [caps.isSoftware ?? false, machineFor(caps, F32).name] as const);
    const software = rows.filter(([isSoftware]) => isSoftware).map(([, name]) => name);
    const gpus = rows.filter(([isSoftware]) => !isSoftware).map(([, name]) => name);
    expect(software.filter((name) => gpus.includes(name))).toEqual([]);
  });

  it('keeps few sums a lane where registers are few', () => {
    for (const { name, tiles } of MACHINES.filter(({ name }) => name.startsWith('few registers')))
      for (const list of Object.values(tiles))
        for (const [pixels, quads] of list) expect(pixels * quads, name).toBeLessThanOrEqual(10);
  });
});

/** DenseNet-121's convolutions on a GPU: their shape, splits and tile. */
function onGpu(batch: number, caps: AdapterCaps) {
  const options = { batch, inputSize: [224, 224], ...F32, caps } as const;
  return planNetwork(familyConfig('densenet121'), options).steps.flatMap(({ name, shape, variant }) =>
    shape ? { name, shape, splits: variant.tile.SPLIT_K ?? 1, key: variantKey(shape.kernel, variant) } : [],
  );
}

describe.each([
  ['few', { subgroup: { min: 8, max: 32 }, hasSubgroups: true }],
  ['many', { subgroup: { min: 32, max: 64 }, hasSubgroups: true }],
])('the choice for DenseNet-121 on a GPU with %s registers', (_, caps) => {
  it('splits the input channels of small maps of one image, not of the large maps of a batch', () => {
    const split = (batch: number) => onGpu(batch, caps).filter(({ splits }) => splits > 1);
    expect(split(1).map(({ shape }) => shape.width)).toContain(7);
    expect(split(8).filter(({ shape }) => shape.width >= 28)).toEqual([]);
  });

  it('compiles few pipelines: the first tile of a row is kept unless another is clearly cheaper', () => {
    expect(new Set(onGpu(1, caps).map(({ key }) => key)).size).toBeLessThanOrEqual(10);
  });
});
