/** The convolutions against double precision: every tile, shared weights or not, every storage, at awkward shapes. */
import { describe, expect, it } from 'vitest';
import type { Variant } from '../../src/plan/variants.js';
import { type Dawn, hasDriver, withDevice } from './dawn.js';
import { asStored, F16, F32, random, randoms, runKernel } from './harness.js';
import * as ref from './reference.js';

/** Subgroup sizes of the software drivers, which `SUBGROUP` must not exceed. */
const DRIVERS = [
  {
    driver: 'swiftshader',
    subgroup: 4,
    precisions: [F32, { activations: 'f32', weights: 'f16' }],
    features: ['subgroups'],
  },
  { driver: 'lavapipe', subgroup: 8, precisions: [F16], features: ['subgroups', 'shader-f16'] },
] as const;

type Precision = (typeof DRIVERS)[number]['precisions'][number];

/** Batch, channels in and out, height and width: multiples of nothing, single pixels, many workgroups. */
const SHAPES = [
  { batch: 1, channels: 5, out: 6, height: 1, width: 1 },
  { batch: 3, channels: 10, out: 12, height: 5, width: 7 },
  { batch: 2, channels: 17, out: 21, height: 13, width: 6 },
  { batch: 1, channels: 4, out: 48, height: 23, width: 29 },
] as const;

const GEMM_TILES = [
  [4, 4],
  [4, 2],
  [2, 4],
  [2, 2],
  [2, 1],
  [1, 1],
  [3, 3],
] as const;
const SPATIAL_TILES = [
  [4, 2, 2],
  [2, 2, 2],
  [2, 2, 1],
  [2, 1, 1],
  [1, 1, 1],
] as const;
const STEM_TILES = [
  [4, 4],
  [4, 2],
  [3, 1],
] as const;

/** Without sharing (on the driver that compiles quickly), and with the largest that the loads and the subgroup allow. */
const sharings = (loads: number, subgroup: number): number[] => {
  const largest = [8, 4, 2].find((s) => loads % s === 0 && s <= subgroup) ?? 1;
  return subgroup === 4 ? [1, largest] : [largest];
};

const workgroupsFor = (count: number, per: number): number => Math.ceil(count / per);
/** A plane is longer than its pixels, as in the arena, and what lies between must not matter. */
const planeOf = (shape: ref.Shape): number => shape.batch * ref.pixelsOf(shape) + 3;
const GARBAGE = 1000;

interface Operands {
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

function operands(shape: (typeof SHAPES)[number], taps: number, precision: Precision, seed: number): Operands {
  const next = random(seed);
  const { batch, channels, out, height, width } = shape;
  return {
    x: asStored(randoms(batch * channels * height * width, next), precision.activations),
    weight: asStored(randoms(out * channels * taps, next), precision.weights),
    bias: randoms(out, next),
    scale: randoms(channels, next),
    shift: randoms(channels, next),
  };
}

const relu = (result: ref.Result): ref.Result => ({ ...result, values: result.values.map((v) => Math.max(0, v)) });

for (const { driver, subgroup, precisions, features } of DRIVERS) {
  const inDriver = <T>(test: (context: Dawn) => Promise<T>) => withDevice(driver, test, { features });
  const name = ({ activations, weights }: Precision) => `${activations} maps, ${weights} weights`;

  describe.skipIf(!hasDriver(driver))(`on ${driver}`, () => {
    for (const precision of precisions) {
      it.each(GEMM_TILES)(`conv1x1 %i×%i pixels × quads, ${name(precision)}`, async (pixels, tileQuads) => {
        await inDriver(async ({ device }) => {
          for (const [s, shape] of SHAPES.entries()) {
            const { x, weight, bias, scale, shift } = operands(shape, 1, precision, s + 1);
            const conv = { out: shape.out, kernel: 1, stride: 1, padding: 0, weight, bias };
            const expected = relu(ref.convolve(ref.normRelu(x, shape, scale, shift), shape, conv));
            for (const share of sharings(4 * tileQuads, subgroup)) {
              const workgroup = share === 1 ? 64 : subgroup;
              const plane = planeOf(shape);
              const count = shape.batch * ref.pixelsOf(shape);
              const found = await runKernel(device, {
                kernel: 'conv1x1',
                variant: {
                  tile: { TILE_PIXELS: pixels, TILE_QUADS: tileQuads, SUBGROUP: share },
                  overrides: { WORKGROUP: workgroup },
                },
                precision,
                buffers: {
                  src: ref.toQuads(x, shape, plane),
                  weights: ref.packWeights(weight, shape.out, shape.channels, 1),
                  norm: ref.packNorm(scale, shift),
                  bias: ref.padTo4(bias),
                  dst: new Float32Array(ref.quads(shape.out) * plane * 4),
                },
                halves: ['src', 'weights', 'dst'],
                params: {
                  pixels: count,
                  srcPlane: plane,
                  dstPlane: plane,
                  inQuads: ref.quads(shape.channels),
                  outQuads: ref.quads(shape.out),
                },
                workgroups: [
                  workgroupsFor(count, workgroup * pixels),
                  workgroupsFor(ref.quads(shape.out), tileQuads),
                  1,
                ],
                output: 'dst',
              });
              ref.expectWithin(ref.fromQuads(found, expected.shape, plane), expected, precision.activations);
            }
          }
        });
      });

      it.each(GEMM_TILES.slice(0, 4))(
        `transition %i×%i pixels × quads, ${name(precision)}`,
        async (pixels, tileQuads) => {
          await inDriver(async ({ device }) => {
            for (const [s, shape] of SHAPES.slice(1).entries()) {
              const { x, weight, bias, scale, shift } = operands(shape, 1, precision, s + 11);
              const conv = { out: shape.out, kernel: 1, stride: 1, padding: 0, weight, bias };
              const pooled = ref.averagePool(ref.normRelu(x, shape, scale, shift), shape);
              const expected = ref.convolve(pooled.values, pooled.shape, conv);
              const [srcPlane, dstPlane] = [planeOf(shape), planeOf(pooled.shape)];
              const count = shape.batch * ref.pixelsOf(pooled.shape);
              for (const share of sharings(4 * tileQuads, subgroup)) {
                const found = await runKernel(device, {
                  kernel: 'transition',
                  variant: {
                    tile: { TILE_PIXELS: pixels, TILE_QUADS: tileQuads, SUBGROUP: share },
                    overrides: { WORKGROUP: 2 * subgroup },
                  },
                  precision,
                  buffers: {
                    src: ref.toQuads(x, shape, srcPlane, GARBAGE),
                    weights: ref.packWeights(weight, shape.out, shape.channels, 1),
                    norm: ref.packNorm(scale, shift),
                    bias: ref.padTo4(bias),
                    dst: new Float32Array(ref.quads(shape.out) * dstPlane * 4),
                  },
                  halves: ['src', 'weights', 'dst'],
                  params: {
                    pixels: count,
                    width: pooled.shape.width,
                    height: pooled.shape.height,
                    srcWidth: shape.width,
                    srcHeight: shape.height,
                    srcPlane,
                    dstPlane,
                    inQuads: ref.quads(shape.channels),
                    outQuads: ref.quads(shape.out),
                  },
                  workgroups: [
                    workgroupsFor(count, 2 * subgroup * pixels),
                    workgroupsFor(ref.quads(shape.out), tileQuads),
                    1,
                  ],
                  output: 'dst',
                });
                ref.expectWithin(ref.fromQuads(found, expected.shape, dstPlane), expected, precision.activations);
              }
            }
          });
        },
      );

      it.each(SPATIAL_TILES)(`conv3x3 %i×%i pixels × %i quads, ${name(precision)}`, async (tx, ty, tileQuads) => {
        await inDriver(async ({ device }) => {
          for (const [s, shape] of SHAPES.entries()) {
            const { x, weight, bias, scale, shift } = operands(shape, 9, precision, s + 21);
            const conv = { out: shape.out, kernel: 3, stride: 1, padding: 1, weight, bias };
            for (const share of sharings(4 * tileQuads, subgroup)) {
              const isNormed = s % 2 === 1;
              const input = isNormed ? ref.normRelu(x, shape, scale, shift) : x;
              const expected = ref.convolve(input, shape, conv);
              const plane = planeOf(shape);
              const [tilesX, tilesY] = [workgroupsFor(shape.width, tx), workgroupsFor(shape.height, ty)];
              const tiles = shape.batch * tilesX * tilesY;
              const variant: Variant = {
                tile: { TILE_X: tx, TILE_Y: ty, TILE_QUADS: tileQuads, SUBGROUP: share },
                overrides: { WORKGROUP: 2 * subgroup, NORM: isNormed ? 1 : 0 },
                inPlace: isNormed,
              };
              const found = await runKernel(device, {
                kernel: 'conv3x3',
                variant,
                precision,
                buffers: {
                  src: ref.toQuads(x, shape, plane),
                  weights: ref.packWeights(weight, shape.out, shape.channels, 3),
                  norm: ref.packNorm(scale, shift),
                  bias: ref.padTo4(bias),
                  dst: new Float32Array(ref.quads(shape.out) * plane * 4),
                },
                halves: ['src', 'weights', 'dst'],
                params: {
                  width: shape.width,
                  height: shape.height,
                  tilesX,
                  tilesY,
                  tiles,
                  srcPlane: plane,
                  dstPlane: plane,
                  inQuads: ref.quads(shape.channels),
                  outQuads: ref.quads(shape.out),
                },
                workgroups: [workgroupsFor(tiles, 2 * subgroup), workgroupsFor(ref.quads(shape.out), tileQuads), 1],
                output: 'dst',
              });
              ref.expectWithin(ref.fromQuads(found, expected.shape, plane), expected, precision.activations);
            }
          }
        });
      });

      it.each(STEM_TILES)(`stem %i pixels × %i quads, ${name(precision)}`, async (tx, tileQuads) => {
        await inDriver(async ({ device }) => {
          for (const [kernel, stride, channels] of [
            [7, 2, 3],
            [3, 1, 3],
            [7, 2, 1],
            [3, 1, 6],
          ] as const) {
            const shape = { batch: 2, channels, out: 10, height: 15, width: 18 };
            const next = random(31 * kernel + channels);
            const x = asStored(randoms(2 * channels * 15 * 18, next), precision.activations);
            const weight = asStored(randoms(10 * channels * kernel * kernel, next), precision.weights);
            const bias = randoms(10, next);
            const raw = ref.convolve(x, shape, { out: 10, kernel, stride, padding: (kernel - 1) / 2, weight, bias });
            const expected = stride === 2 ? relu(raw) : raw;
            const [srcPlane, dstPlane] = [planeOf(shape), planeOf(expected.shape)];
            const tilesX = workgroupsFor(expected.shape.width, tx);
            const tiles = 2 * expected.shape.height * tilesX;
            const lanes = Math.min(channels, 4);
            const found = await runKernel(device, {
              kernel: 'stem',
              variant: {
                tile: { KERNEL: kernel, STRIDE: stride, CHANNELS: lanes, TILE_X: tx, TILE_QUADS: tileQuads },
                overrides: { WORKGROUP: 32 },
              },
              precision,
              buffers: {
                src: ref.toQuads(x, shape, srcPlane),
                weights: ref.packWeights(weight, 10, channels, kernel, lanes),
                bias: ref.padTo4(bias),
                dst: new Float32Array(3 * dstPlane * 4),
              },
              halves: ['src', 'weights', 'dst'],
              params: {
                width: expected.shape.width,
                height: expected.shape.height,
                srcWidth: 18,
                srcHeight: 15,
                tilesX,
                tiles,
                srcPlane,
                dstPlane,
                inQuads: ref.quads(channels),
                outQuads: 3,
                floor: stride === 2 ? 0 : -3.4e38,
              },
              workgroups: [workgroupsFor(tiles, 32), workgroupsFor(3, tileQuads), 1],
              output: 'dst',
            });
            ref.expectWithin(ref.fromQuads(found, expected.shape, dstPlane), expected, precision.activations);
          }
        });
      });
    }

    it('the harness sees a wrong kernel: one bias off by a hundredth is outside the bound', async () => {
      const shape = SHAPES[1];
      const { x, weight, bias } = operands(shape, 1, F32, 41);
      const conv = { out: shape.out, kernel: 1, stride: 1, padding: 0, weight, bias };
      const expected = ref.convolve(x, shape, conv);
      const wrong = expected.values.map((value, i) => (i === 7 ? value + 0.01 : value));
      expect(() => ref.expectWithin(wrong, expected, 'f32')).toThrow(/at 7 of/);
    });
  });
}
