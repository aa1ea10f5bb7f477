/** The choice of kernel variants: only what the kernels allow, the adapter covers and the kernel tests run. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConvShape,
  gemmVariant,
  spatialVariant,
  stemVariant,
  type Traits,
  type Variant,
} from '../../src/plan/variants.js';
import { GEMM_TILES, SPATIAL_TILES, STEM_TILES } from '../kernels/tiles.js';

const powers = (from: number, to: number) => fc.integer({ min: from, max: to }).map((exponent) => 2 ** exponent);

/** No subgroups, or any of 4…128 lanes, which WebGPU's `subgroupMinSize` and `subgroupMaxSize` span. */
const traits: fc.Arbitrary<Traits> = fc
  .option(fc.tuple(powers(2, 7), powers(2, 7)))
  .map((sizes) => ({ subgroup: sizes && { min: Math.min(...sizes), max: Math.max(...sizes) } }));

const shapes: fc.Arbitrary<ConvShape> = fc.record({
  pixels: fc.integer({ min: 1, max: 200_000 }),
  width: fc.integer({ min: 1, max: 224 }),
  inQuads: fc.integer({ min: 1, max: 512 }),
  outQuads: fc.integer({ min: 1, max: 512 }),
});

/** WebGPU's default `maxComputeInvocationsPerWorkgroup`. */
const MAX_INVOCATIONS = 256;

function checkVariant({ tile, overrides }: Variant, { subgroup }: Traits, outQuads: number): void {
  const { SUBGROUP: lanes = 1, TILE_QUADS: quads = 1 } = tile;
  const { WORKGROUP: workgroup = 0 } = overrides;
  expect(workgroup).toBeGreaterThan(0);
  expect(workgroup).toBeLessThanOrEqual(MAX_INVOCATIONS);
  expect(quads).toBeLessThanOrEqual(outQuads);
  expect(Number.isInteger(Math.log2(lanes)), 'sharing lanes are a power of two').toBe(true);
  expect((4 * quads) % lanes, 'lanes divide the loads').toBe(0);
  expect(lanes, 'every subgroup covers the lanes').toBeLessThanOrEqual(subgroup?.min ?? 1);
  if (lanes > 1) expect(workgroup % (subgroup?.max ?? 0), 'no subgroup is part filled').toBe(0);
}

describe('the chosen variant', () => {
  it('of a 1×1 convolution or a transition is valid and tested', () => {
    fc.assert(
      fc.property(shapes, traits, (shape, adapter) => {
        const variant = gemmVariant(shape, adapter);
        checkVariant(variant, adapter, shape.outQuads);
        expect(GEMM_TILES).toContainEqual([variant.tile.TILE_PIXELS, variant.tile.TILE_QUADS]);
      }),
      { numRuns: 500 },
    );
  });

  it('of a 3×3 convolution is valid and tested, and in place where it normalises', () => {
    fc.assert(
      fc.property(shapes, traits, fc.boolean(), (shape, adapter, normed) => {
        const variant = spatialVariant(shape, adapter, normed);
        const { TILE_X, TILE_Y, TILE_QUADS } = variant.tile;
        checkVariant(variant, adapter, shape.outQuads);
        expect(SPATIAL_TILES).toContainEqual([TILE_X, TILE_Y, TILE_QUADS]);
        expect([variant.overrides.NORM, variant.inPlace ?? false]).toEqual([normed ? 1 : 0, normed]);
      }),
      { numRuns: 500 },
    );
  });

  it('of a stem is valid and tested', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4 }), traits, (quads, lanes, adapter) => {
        const variant = stemVariant(7, 2, lanes, quads, adapter);
        checkVariant(variant, adapter, quads);
        expect(STEM_TILES).toContainEqual([variant.tile.TILE_X, variant.tile.TILE_QUADS]);
        expect(variant.tile).toMatchObject({ KERNEL: 7, STRIDE: 2, CHANNELS: lanes });
      }),
    );
  });

  it('depends on the shape and the traits alone', () => {
    fc.assert(
      fc.property(shapes, traits, (shape, adapter) => {
        expect(gemmVariant({ ...shape }, structuredClone(adapter))).toEqual(gemmVariant(shape, adapter));
      }),
    );
  });
});
