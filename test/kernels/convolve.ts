/**
 * One dispatch of each convolution kernel beside its double-precision result, for a variant, a shape and a storage.
 *
 * The result starts as a sentinel, which must be gone from every pixel and still be in the gap behind each plane; the
 * source's gaps and its lanes without a channel hold garbage, which must not matter.
 */
import { expect } from 'vitest';
import { tilesOf } from '../../src/kernels/cost.js';
import type { Precision } from '../../src/kernels/machines.js';
import type { ConvShape } from '../../src/kernels/shape.js';
import type { Variant } from '../../src/kernels/variants.js';
import { asStored, type KernelRun, random, randoms, runKernel } from './harness.js';
import * as ref from './reference.js';

export interface Work {
  readonly batch: number;
  readonly channels: number;
  readonly out: number;
  readonly height: number;
  readonly width: number;
}

export interface Dispatch {
  readonly work: Work;
  readonly precision: Precision;
  readonly variant: Variant;
  readonly seed: number;
}

export interface Outcome {
  /** As stored: [quad][plane][4]. */
  readonly found: Float32Array;
  readonly expected: ref.Result;
  readonly plane: number;
  /** Zeros around each image. */
  readonly border: number;
}

const SENTINEL = -77;
const GARBAGE = 1000;
const GAP = 3;
const NO_FLOOR = -3.4e38;

/** Products that are added up in f16 at most: of 8 input quads in a 1×1, of one in a 3×3. */
const CARRIED = 36;

/** Products of f16 are added up in f16 over a few input quads (shaders/parts/products_f16.wgsl). */
const isFloat16 = ({ parts = [] }: Variant): boolean => parts.includes('products_f16');

/** Fails with the worst value, its place and what it should be; and when gaps, border or spare lanes are wrong. */
export function expectRight(
  { found, expected, plane, border }: Outcome,
  { precision, variant }: Pick<Dispatch, 'precision' | 'variant'>,
): void {
  const { shape } = expected;
  const values = ref.fromQuads(found, shape, plane, border);
  const bounds = isFloat16(variant) ? ref.boundsOfFloat16(expected, CARRIED) : expected.bounds;
  ref.expectWithin(values, { ...expected, bounds }, precision.activations);
  const stored = ref.storedPixels(shape, border);
  const misplaced = Array.from(found.keys()).find((i) => {
    const [lane, pixel, quad] = [i % 4, Math.floor(i / 4) % plane, Math.floor(i / 4 / plane)];
    if (pixel >= shape.batch * stored) return found[i] !== SENTINEL;
    const [x, y] = [pixel % (shape.width + 2 * border), Math.floor((pixel % stored) / (shape.width + 2 * border))];
    const isBorder = x < border || y < border || x >= shape.width + border || y >= shape.height + border;
    return (isBorder || quad * 4 + lane >= shape.channels) && found[i] !== 0;
  });
  expect(misplaced, 'no value in a gap, zero in the border and in a lane without a channel').toBeUndefined();
}

/** @param clearsBorder as the first layer of a block does */
export async function conv1x1(device: GPUDevice, dispatch: Dispatch, clearsBorder = true): Promise<Outcome> {
  const { work } = dispatch;
  const data = operands(dispatch, 1);
  const convolved = ref.convolve(ref.normRelu(data.x, data.shape, data.scale, data.shift), data.shape, {
    ...convolution(work, 1, data),
  });
  const expected = { ...convolved, values: convolved.values.map((value) => Math.max(0, value)) };
  const { width, height, batch } = work;
  const pixels = batch * height * width;
  const border = clearsBorder ? batch * (height + 2) * (width + 2) : 0;
  return run(device, dispatch, data, expected, {
    ...{ kernel: 'conv1x1', normFactor: 0.5, dstBorder: 1 },
    params: { pixels, width, height, border },
  });
}

export async function transition(device: GPUDevice, dispatch: Dispatch): Promise<Outcome> {
  const { work } = dispatch;
  const data = operands(dispatch, 1);
  const pooled = ref.averagePool(ref.normRelu(data.x, data.shape, data.scale, data.shift), data.shape);
  const expected = ref.convolve(pooled.values, pooled.shape, convolution(work, 1, data));
  const { width, height } = pooled.shape;
  return run(device, dispatch, data, expected, {
    ...{ kernel: 'transition', normFactor: 1 / 8 },
    params: { pixels: work.batch * width * height, width, height, srcWidth: work.width, srcHeight: work.height },
  });
}

/** @param normed BN-ReLU-3×3 from a block into a slice of the same buffer (nets without bottlenecks) */
export async function conv3x3(device: GPUDevice, dispatch: Dispatch, normed = false): Promise<Outcome> {
  const { work } = dispatch;
  const data = operands(dispatch, 9);
  const input = normed ? ref.normRelu(data.x, data.shape, data.scale, data.shift) : data.x;
  const expected = ref.convolve(input, data.shape, convolution(work, 3, data));
  const { width, height } = work;
  const border = normed ? 0 : 1;
  return run(device, dispatch, data, expected, {
    ...{ kernel: 'conv3x3', normFactor: 0.5, srcBorder: border, normed },
    params: {
      ...{ width, height, tilesX: Math.ceil(width / (dispatch.variant.tile.TILE_PIXELS ?? 1)) },
      ...{ srcWidth: width + 2 * border, srcGap: 2 * border, srcLead: (1 - border) * (width + 1) },
    },
  });
}

/** 7×7 stride 2 with a ReLU, or 3×3 stride 1 without. */
export async function stem(device: GPUDevice, dispatch: Dispatch): Promise<Outcome> {
  const { work, variant } = dispatch;
  const { KERNEL: kernel = 7, STRIDE: stride = 2, CHANNELS: lanes = 3, TILE_PIXELS: columns = 1 } = variant.tile;
  const data = operands(dispatch, kernel * kernel);
  const convolved = ref.convolve(data.x, data.shape, { ...convolution(work, kernel, data), stride });
  const isClipped = kernel === 7;
  const expected = isClipped ? { ...convolved, values: convolved.values.map((v) => Math.max(0, v)) } : convolved;
  const { width, height } = expected.shape;
  const border = (kernel - 1) / 2;
  return run(device, dispatch, data, expected, {
    ...{ kernel: 'stem', srcBorder: border, lanes, special: { size: kernel, stride, channels: lanes } },
    params: {
      ...{ width, height, srcWidth: work.width + 2 * border, srcHeight: work.height + 2 * border },
      ...{ tilesX: Math.ceil(width / columns), floor: isClipped ? 0 : NO_FLOOR },
    },
  });
}

interface Operands {
  readonly shape: ref.Shape;
  readonly x: Float32Array;
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

function operands({ work, precision, seed }: Dispatch, taps: number): Operands {
  const { batch, channels, out, height, width } = work;
  const next = random(seed);
  return {
    shape: { batch, channels, height, width },
    x: asStored(randoms(batch * channels * height * width, next), precision.activations),
    weight: asStored(randoms(out * channels * taps, next), precision.weights),
    bias: randoms(out, next),
    scale: randoms(channels, next),
    shift: randoms(channels, next),
  };
}

const convolution = ({ out }: Work, kernel: number, { weight, bias }: Operands): ref.Convolution => ({
  ...{ out, kernel, weight, bias },
  stride: 1,
  padding: (kernel - 1) / 2,
});

interface Plan {
  readonly kernel: ConvShape['kernel'];
  readonly params: KernelRun['params'];
  readonly normFactor?: number;
  /** Zeros around each image of the source and of the result. */
  readonly srcBorder?: number;
  readonly dstBorder?: number;
  readonly normed?: boolean;
  /** Input channels of a quad that the stem reads. */
  readonly lanes?: number;
  readonly special?: { readonly size: number; readonly stride: number; readonly channels: number };
}

async function run(
  device: GPUDevice,
  { work, precision, variant }: Dispatch,
  data: Operands,
  expected: ref.Result,
  { kernel, params, normFactor = 1, srcBorder = 0, dstBorder = 0, normed = false, lanes = 4, special }: Plan,
): Promise<Outcome> {
  const srcPlane = work.batch * ref.storedPixels(data.shape, srcBorder) + GAP;
  const plane = expected.shape.batch * ref.storedPixels(expected.shape, dstBorder) + GAP;
  const side = Math.sqrt(data.weight.length / (work.out * work.channels));
  const [inQuads, outQuads] = [ref.quads(work.channels), ref.quads(work.out)];
  const { TILE_PIXELS: pixels = 1, TILE_QUADS: quads = 1, WORKGROUP: workgroup = 1 } = variant.tile;
  const { width, height } = expected.shape;
  const base = { batch: work.batch, width, height, outQuads, inQuads };
  const shape: ConvShape =
    kernel === 'stem'
      ? { ...base, kernel, ...(special ?? { size: 7, stride: 2, channels: 3 }) }
      : kernel === 'conv3x3'
        ? { ...base, kernel, normed }
        : { ...base, kernel };
  const tiles = tilesOf(shape, pixels);
  const found = await runKernel(device, {
    ...{ kernel, variant, precision, output: 'dst', inPlace: normed },
    buffers: {
      src: ref.toQuads(data.x, data.shape, srcPlane, GARBAGE, srcBorder),
      weights: ref.packWeights(data.weight, work.out, work.channels, side, lanes),
      norm: ref.packNorm(data.scale, data.shift, normFactor),
      bias: ref.padTo4(data.bias),
      dst: new Float32Array(outQuads * plane * 4).fill(SENTINEL),
    },
    halves: ['src', 'weights', 'dst'],
    params: { ...params, tiles, srcPlane, dstPlane: plane, inQuads, outQuads },
    workgroups: [Math.ceil(tiles / workgroup), Math.ceil(outQuads / quads), 1],
  });
  return { found, expected, plane, border: dstBorder };
}
