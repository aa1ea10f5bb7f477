/** The choice of kernel variants: only what the kernels allow, the adapter covers and the kernel tests run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ConvShape, shapeKey } from '../../src/kernels/shape.js';
import { candidates, type Traits, type Variant, variantFor, variantKey } from '../../src/kernels/variants.js';
import { familyConfig } from '../../src/model/family.js';
import { planNetwork } from '../../src/plan/network.js';
import { DRIVERS, tilesOn, wayCases } from '../kernels/tiles.js';

const powers = (from: number, to: number) => fc.integer({ min: from, max: to }).map((exponent) => 2 ** exponent);

/** No subgroups, or any of 4…128 lanes, which WebGPU's `subgroupMinSize` and `subgroupMaxSize` span. */
const traits: fc.Arbitrary<Traits> = fc
  .tuple(fc.option(fc.tuple(powers(2, 7), powers(2, 7))), fc.boolean(), fc.boolean())
  .map(([sizes, isSoftware, halves]) => ({
    subgroup: sizes && { min: Math.min(...sizes), max: Math.max(...sizes) },
    ...{ isSoftware, halves },
  }));

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
    ...{ size: fc.constant(7), stride: fc.constant(2), channels: fc.integer({ min: 1, max: 4 }) },
  }),
);

/** WebGPU's default `maxComputeInvocationsPerWorkgroup`, for which parts/sliced.wgsl has room. */
const MAX_INVOCATIONS = 256;
/** WebGPU's default `maxComputeWorkgroupStorageSize`, in vectors. */
const MAX_VECTORS = 16384 / 16;

/** Tile constants in the order of the lists of tiles. */
const ORDER = {
  conv1x1: ['TILE_PIXELS', 'TILE_QUADS'],
  transition: ['TILE_PIXELS', 'TILE_QUADS'],
  conv3x3: ['TILE_X', 'TILE_Y', 'TILE_QUADS', 'TAP_ROWS'],
  stem: ['TILE_X', 'TILE_QUADS'],
} as const;

const TESTED = DRIVERS.map((driver) => tilesOn(driver));

/** The kernel tests stage each tile as it is chosen, slice each, and slice some by each number. */
function checkTested(kernel: ConvShape['kernel'], numbers: readonly unknown[], tile: Variant['tile']): void {
  const cases = kernel === 'stem' ? [] : wayCases(kernel);
  const own = cases.filter((each) => JSON.stringify(each.tile) === JSON.stringify(numbers));
  if (tile.STAGED) expect(own.map(({ way }) => way.STAGED)).toContain(tile.STAGED);
  if (!tile.SLICES) return;
  expect(own.some(({ way }) => way.SLICES)).toBe(true);
  expect(cases.map(({ way }) => way.SLICES)).toContain(tile.SLICES);
}

function checkVariant({ tile, overrides, inPlace }: Variant, shape: ConvShape, { subgroup, isSoftware }: Traits): void {
  const { SUBGROUP: lanes = 1, TILE_QUADS: quads = 1, SLICES: slices = 1, STAGED: staged = 0 } = tile;
  const { WORKGROUP: workgroup = 0 } = overrides;
  expect(workgroup).toBeGreaterThan(0);
  expect(workgroup * slices).toBeLessThanOrEqual(MAX_INVOCATIONS);
  expect(quads, 'no output tile lies outside').toBeLessThan(2 * shape.outQuads);
  expect(Number.isInteger(Math.log2(lanes)), 'sharing lanes are a power of two').toBe(true);
  expect((shape.kernel === 'stem' ? quads : 4 * quads) % lanes, 'lanes divide the loads').toBe(0);
  expect(lanes, 'every subgroup covers the lanes').toBeLessThanOrEqual(subgroup?.min ?? 1);
  if (lanes > 1) expect(workgroup % (subgroup?.max ?? 0), 'no subgroup is part filled').toBe(0);
  const numbers = ORDER[shape.kernel].map((name) => tile[name]);
  expect(TESTED.flatMap((tiles): readonly (readonly number[])[] => tiles[shape.kernel])).toContainEqual(numbers);
  if (slices > 1 || staged > 0) {
    expect([lanes, isSoftware ?? false, slices > 1 && staged > 0]).toEqual([1, false, false]);
    expect(staged * quads, 'what is staged fits').toBeLessThanOrEqual(MAX_VECTORS);
    checkTested(shape.kernel, numbers, tile);
  }
  const normed = shape.kernel === 'conv3x3' && shape.normed;
  expect([overrides.NORM ?? 0, inPlace ?? false]).toEqual([normed ? 1 : 0, normed]);
}

describe('the variants of a shape', () => {
  it('are all valid on the adapter, and run by the kernel tests', () => {
    fc.assert(
      fc.property(shapes, traits, (shape, adapter) => {
        const variants = candidates(shape, adapter);
        expect(variants.length).toBeGreaterThan(0);
        for (const variant of variants) checkVariant(variant, shape, adapter);
      }),
      { numRuns: 500 },
    );
  });

  it('depend on the shape and the traits alone, and the first is chosen', () => {
    fc.assert(
      fc.property(shapes, traits, (shape, adapter) => {
        const variants = candidates(shape, adapter);
        expect(candidates({ ...shape }, structuredClone(adapter))).toEqual(variants);
        expect(variantFor(shape, adapter)).toEqual(variants[0]);
      }),
    );
  });

  it('give way to what was measured for the same shape, and for no other', () => {
    fc.assert(
      fc.property(shapes, shapes, traits, (shape, other, adapter) => {
        const measured = candidates(shape, adapter).at(-1);
        const tuned = new Map(measured ? [[shapeKey(shape), variantKey(shape.kernel, measured)]] : []);
        expect(variantFor(shape, adapter, tuned)).toEqual(measured);
        if (shapeKey(other) !== shapeKey(shape))
          expect(variantFor(other, adapter, tuned)).toEqual(variantFor(other, adapter));
      }),
    );
  });
});

describe('a measured choice that is not among the variants', () => {
  it('is ignored: a stale table, or one of another adapter, cannot choose', () => {
    fc.assert(
      fc.property(shapes, traits, fc.string(), (shape, adapter, key) => {
        expect(variantFor(shape, adapter, new Map([[shapeKey(shape), key]]))).toEqual(variantFor(shape, adapter));
      }),
    );
  });
});

describe('a picture at batch 1 on DenseNet-121', () => {
  const map = (side: number) => ({ batch: 1, width: side, height: side, inQuads: 64 });
  const tilesFor = (traits: Traits, shape: ConvShape) => candidates(shape, traits)[0]?.tile;

  it('compiles one tile of the bottleneck for all maps on a CPU, and smaller tiles for smaller maps on a GPU', () => {
    const onCpu = [56, 28, 14, 7].map((s) =>
      tilesFor({ subgroup: { min: 4, max: 4 }, isSoftware: true }, { ...map(s), kernel: 'conv1x1', outQuads: 32 }),
    );
    expect(new Set(onCpu.map((tile) => JSON.stringify(tile))).size).toBe(1);
    const pixels = [56, 28, 14, 7].map(
      (s) =>
        tilesFor({ subgroup: { min: 32, max: 32 } }, { ...map(s), kernel: 'conv1x1', outQuads: 32 })?.TILE_PIXELS ?? 0,
    );
    expect(pixels).toEqual([...pixels].sort((a, b) => b - a));
    expect(pixels[0]).toBeGreaterThan(pixels[3] ?? 0);
  });
});

/** What DenseNet-121's convolutions are given on a GPU: their shape and tile, and the invocations of their dispatch. */
function onGpu(batch: number, lanes: number | null, isSoftware = false) {
  const traits = { subgroup: lanes === null ? null : { min: lanes, max: lanes }, isSoftware };
  const options = { batch, inputSize: [224, 224], activations: 'f32', traits } as const;
  return planNetwork(familyConfig('densenet121'), options).steps.flatMap(({ name, shape, variant, workgroups }) => {
    if (!shape) return [];
    const { TILE_PIXELS = 1, TILE_X = 1, TILE_Y = 1, TILE_QUADS = 1, SLICES = 1 } = variant.tile;
    const [columns, rows] = workgroups;
    return {
      ...{ name, shape, slices: SLICES, sums: TILE_PIXELS * TILE_X * TILE_Y * TILE_QUADS },
      invocations: columns * rows * (variant.overrides.WORKGROUP ?? 0) * SLICES,
    };
  });
}

describe.each([null, 32])('the model of a GPU with subgroups of %s lanes, on DenseNet-121', (lanes) => {
  it('leaves no convolution of a picture to fewer than 4096 invocations', () => {
    const few = onGpu(1, lanes).filter(({ invocations }) => invocations < 4096);
    expect(few.map(({ name, invocations }) => `${name}: ${invocations}`)).toEqual([]);
  });

  it('slices where a map is too small to fill the GPU, and nowhere else', () => {
    const sliced = onGpu(1, lanes).filter(({ slices }) => slices > 1);
    expect(new Set(sliced.map(({ shape }) => `${shape.kernel} ${shape.width}`))).toEqual(
      new Set(['conv3x3 28', 'conv1x1 14', 'conv3x3 14', 'transition 7', 'conv1x1 7', 'conv3x3 7']),
    );
  });

  it('gives large maps of a batch large tiles, in one slice', () => {
    const large = onGpu(8, lanes).filter(({ shape }) => shape.width >= 28 && shape.kernel !== 'stem');
    expect(Math.max(...large.map(({ slices }) => slices))).toBe(1);
    expect(Math.min(...large.map(({ sums }) => sums))).toBeGreaterThanOrEqual(8);
  });

  it('slices nothing on a fallback adapter, whose barriers are slow', () => {
    expect(onGpu(1, lanes, true).filter(({ slices }) => slices > 1)).toEqual([]);
  });
});
