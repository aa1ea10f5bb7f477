/** The choice of kernel variants: only what the kernels allow, the adapter covers and the kernel tests run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConvShape,
  candidates,
  shapeKey,
  type Traits,
  type Variant,
  variantFor,
  variantKey,
} from '../../src/plan/variants.js';
import { DRIVERS, tilesOn } from '../kernels/tiles.js';

const powers = (from: number, to: number) => fc.integer({ min: from, max: to }).map((exponent) => 2 ** exponent);

/** No subgroups, or any of 4…128 lanes, which WebGPU's `subgroupMinSize` and `subgroupMaxSize` span. */
const traits: fc.Arbitrary<Traits> = fc
  .option(fc.tuple(powers(2, 7), powers(2, 7)))
  .map((sizes) => ({ subgroup: sizes && { min: Math.min(...sizes), max: Math.max(...sizes) } }))
  .chain((adapter) =>
    fc.record({ halves: fc.boolean(), isFallback: fc.boolean() }).map((facts) => ({ ...adapter, ...facts })),
  );

const side = fc.integer({ min: 1, max: 224 });
const output = {
  batch: fc.integer({ min: 1, max: 32 }),
  width: side,
  height: side,
  outQuads: fc.integer({ min: 1, max: 512 }),
};
const shapes: fc.Arbitrary<ConvShape> = fc.oneof(
  fc.record({ ...output, kernel: fc.constantFrom('conv1x1' as const, 'transition' as const) }),
  fc.record({ ...output, kernel: fc.constant('conv3x3' as const), normed: fc.boolean() }),
  fc.record({
    ...{ ...output, kernel: fc.constant('stem' as const) },
    ...{ size: fc.constant(7), stride: fc.constant(2), channels: fc.integer({ min: 1, max: 4 }) },
  }),
);

/** WebGPU's default `maxComputeInvocationsPerWorkgroup`. */
const MAX_INVOCATIONS = 256;

/** Tile constants in the order of the lists of tiles. */
const ORDER = {
  conv1x1: ['TILE_PIXELS', 'TILE_QUADS'],
  transition: ['TILE_PIXELS', 'TILE_QUADS'],
  conv3x3: ['TILE_X', 'TILE_Y', 'TILE_QUADS', 'TAP_ROWS'],
  stem: ['TILE_X', 'TILE_QUADS'],
} as const;

const TESTED = DRIVERS.map((driver) => tilesOn(driver));

function checkVariant({ tile, overrides, inPlace }: Variant, shape: ConvShape, { subgroup }: Traits): void {
  const { SUBGROUP: lanes = 1, TILE_QUADS: quads = 1 } = tile;
  const { WORKGROUP: workgroup = 0 } = overrides;
  expect(workgroup).toBeGreaterThan(0);
  expect(workgroup).toBeLessThanOrEqual(MAX_INVOCATIONS);
  expect(quads, 'no output tile lies outside').toBeLessThan(2 * shape.outQuads);
  expect(Number.isInteger(Math.log2(lanes)), 'sharing lanes are a power of two').toBe(true);
  expect((shape.kernel === 'stem' ? quads : 4 * quads) % lanes, 'lanes divide the loads').toBe(0);
  expect(lanes, 'every subgroup covers the lanes').toBeLessThanOrEqual(subgroup?.min ?? 1);
  if (lanes > 1) expect(workgroup % (subgroup?.max ?? 0), 'no subgroup is part filled').toBe(0);
  const numbers = ORDER[shape.kernel].map((name) => tile[name]);
  expect(TESTED.flatMap((tiles): readonly (readonly number[])[] => tiles[shape.kernel])).toContainEqual(numbers);
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
  const map = (side: number) => ({ batch: 1, width: side, height: side });
  const tilesFor = (traits: Traits, shape: ConvShape) => candidates(shape, traits)[0]?.tile;

  it('compiles one tile of the bottleneck for all maps on a CPU, and smaller tiles for smaller maps on a GPU', () => {
    const onCpu = [56, 28, 14, 7].map((s) =>
      tilesFor({ subgroup: { min: 4, max: 4 }, isFallback: true }, { ...map(s), kernel: 'conv1x1', outQuads: 32 }),
    );
    expect(new Set(onCpu.map((tile) => JSON.stringify(tile))).size).toBe(1);
    const pixels = [56, 28, 14, 7].map(
      (s) =>
        tilesFor({ subgroup: { min: 32, max: 32 } }, { ...map(s), kernel: 'conv1x1', outQuads: 32 })?.TILE_PIXELS ?? 0,
    );
    expect(pixels).toEqual([...pixels].sort((a, b) => b - a));
    expect(pixels[0]).toBeGreaterThan(pixels[3] ?? 0);
  });

  it('load more in a loop where maps are in f16, since a load brings two numbers', () => {
    const shape = { kernel: 'conv3x3', batch: 1, width: 56, height: 56, outQuads: 8, normed: false } as const;
    const columns = (halves: boolean) =>
      variantFor(shape, { subgroup: { min: 8, max: 8 }, isFallback: true, halves }).tile.TILE_X;
    expect([columns(false), columns(true)]).toEqual([4, 7]);
  });
});
