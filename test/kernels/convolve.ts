/**
 * One dispatch of each convolution kernel beside its double-precision result, at a shape, tile and storage of choice.
 *
 * The result starts as a sentinel, which must be gone from every pixel and still be in the gap behind each plane; the
 * source's gaps and its lanes without a channel hold garbage, which must not matter.
 */
import { expect } from 'vitest';
import type { Precision } from '../../src/kernels/source.js';
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
  /** As in variants.ts: pixels × quads, columns × rows × quads × rows of the filter, columns × quads. */
  readonly tile: readonly number[];
  /** Lanes that share weights; 1 for none. */
  readonly share: number;
  /** The tile's STAGED and SLICES, where it has them. */
  readonly way?: Readonly<Record<string, number>>;
  readonly workgroup: number;
  readonly seed: number;
}

export interface Outcome {
  /** As stored: [quad][plane][4]. */
  readonly found: Float32Array;
  readonly expected: ref.Result;
  readonly plane: number;
}

const SENTINEL = -77;
const GARBAGE = 1000;
const GAP = 3;
const NO_FLOOR = -3.4e38;

/** Fails with the worst value, its place and what it should be; and when the gaps or the spare lanes are wrong. */
export function expectRight({ found, expected, plane }: Outcome, { precision }: Pick<Dispatch, 'precision'>): void {
  const { shape } = expected;
  ref.expectWithin(ref.fromQuads(found, shape, plane), expected, precision.activations);
  const pixels = shape.batch * ref.pixelsOf(shape);
  const misplaced = Array.from(found.keys()).find((i) => {
    const [lane, pixel, quad] = [i % 4, Math.floor(i / 4) % plane, Math.floor(i / 4 / plane)];
    if (pixel >= pixels) return found[i] !== SENTINEL;
    return quad * 4 + lane >= shape.channels && found[i] !== 0;
  });
  expect(misplaced, 'no value in a gap, zero in a lane without a channel').toBeUndefined();
}

export async function conv1x1(device: GPUDevice, dispatch: Dispatch): Promise<Outcome> {
  const { work, tile, workgroup } = dispatch;
  const data = operands(dispatch, 1);
  const convolved = ref.convolve(ref.normRelu(data.x, data.shape, data.scale, data.shift), data.shape, {
    ...convolution(work, 1, data),
  });
  const expected = { ...convolved, values: convolved.values.map((value) => Math.max(0, value)) };
  const count = work.batch * work.height * work.width;
  const [pixels = 1, quads = 1] = tile;
  return run(device, dispatch, data, expected, {
    kernel: 'conv1x1',
    variant: {
      tile: { TILE_PIXELS: pixels, TILE_QUADS: quads, SUBGROUP: dispatch.share, ...dispatch.way },
      overrides: {},
    },
    params: { pixels: count },
    workgroups: [Math.ceil(count / (workgroup * pixels)), Math.ceil(ref.quads(work.out) / quads), 1],
  });
}

export async function transition(device: GPUDevice, dispatch: Dispatch): Promise<Outcome> {
  const { work, tile, workgroup } = dispatch;
  const data = operands(dispatch, 1);
  const pooled = ref.averagePool(ref.normRelu(data.x, data.shape, data.scale, data.shift), data.shape);
  const expected = ref.convolve(pooled.values, pooled.shape, convolution(work, 1, data));
  const { width, height } = pooled.shape;
  const count = work.batch * width * height;
  const [pixels = 1, quads = 1] = tile;
  return run(device, dispatch, data, expected, {
    kernel: 'transition',
    variant: {
      tile: { TILE_PIXELS: pixels, TILE_QUADS: quads, SUBGROUP: dispatch.share, ...dispatch.way },
      overrides: {},
    },
    params: { pixels: count, width, height, srcWidth: work.width, srcHeight: work.height },
    workgroups: [Math.ceil(count / (workgroup * pixels)), Math.ceil(ref.quads(work.out) / quads), 1],
  });
}

/** @param inPlace BN-ReLU-3×3 from a block into a slice of the same buffer (nets without bottlenecks) */
export async function conv3x3(device: GPUDevice, dispatch: Dispatch, inPlace = false): Promise<Outcome> {
  const { work, tile, workgroup } = dispatch;
  const data = operands(dispatch, 9);
  const input = inPlace ? ref.normRelu(data.x, data.shape, data.scale, data.shift) : data.x;
  const expected = ref.convolve(input, data.shape, convolution(work, 3, data));
  const [columns = 1, rows = 1, quads = 1, tapRows = 3] = tile;
  const [tilesX, tilesY] = [Math.ceil(work.width / columns), Math.ceil(work.height / rows)];
  const tiles = work.batch * tilesX * tilesY;
  return run(device, dispatch, data, expected, {
    kernel: 'conv3x3',
    variant: {
      tile: {
        ...{ TILE_X: columns, TILE_Y: rows, TILE_QUADS: quads, TAP_ROWS: tapRows },
        ...{ SUBGROUP: dispatch.share, ...dispatch.way },
      },
      overrides: { NORM: inPlace ? 1 : 0 },
      inPlace,
    },
    params: { width: work.width, height: work.height, tilesX, tilesY, tiles },
    workgroups: [Math.ceil(tiles / workgroup), Math.ceil(ref.quads(work.out) / quads), 1],
    inPlace,
  });
}

/** 7×7 stride 2 with a ReLU, or 3×3 stride 1 without. */
export async function stem(device: GPUDevice, dispatch: Dispatch, kernel: 3 | 7): Promise<Outcome> {
  const { work, tile, workgroup } = dispatch;
  const data = operands(dispatch, kernel * kernel);
  const stride = kernel === 7 ? 2 : 1;
  const convolved = ref.convolve(data.x, data.shape, { ...convolution(work, kernel, data), stride });
  const isClipped = kernel === 7;
  const expected = isClipped ? { ...convolved, values: convolved.values.map((v) => Math.max(0, v)) } : convolved;
  const { width, height } = expected.shape;
  const [columns = 1, quads = 1] = tile;
  const tilesX = Math.ceil(width / columns);
  const tiles = work.batch * height * tilesX;
  const lanes = Math.min(work.channels, 4);
  return run(device, dispatch, data, expected, {
    kernel: 'stem',
    variant: {
      tile: {
        ...{ KERNEL: kernel, STRIDE: stride, CHANNELS: lanes },
        ...{ TILE_X: columns, TILE_QUADS: quads, SUBGROUP: dispatch.share },
      },
      overrides: {},
    },
    params: {
      ...{ width, height, srcWidth: work.width, srcHeight: work.height, tilesX, tiles },
      floor: isClipped ? 0 : NO_FLOOR,
    },
    workgroups: [Math.ceil(tiles / workgroup), Math.ceil(ref.quads(work.out) / quads), 1],
    lanes,
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

type Plan = Pick<KernelRun, 'kernel' | 'variant' | 'params' | 'workgroups' | 'inPlace'> & { readonly lanes?: number };

async function run(
  device: GPUDevice,
  { work, precision, workgroup }: Dispatch,
  data: Operands,
  expected: ref.Result,
  { lanes = 4, ...plan }: Plan,
): Promise<Outcome> {
  const srcPlane = work.batch * ref.pixelsOf(data.shape) + GAP;
  const plane = expected.shape.batch * ref.pixelsOf(expected.shape) + GAP;
  const kernelSide = Math.sqrt(data.weight.length / (work.out * work.channels));
  const found = await runKernel(device, {
    ...plan,
    variant: { ...plan.variant, overrides: { ...plan.variant.overrides, WORKGROUP: workgroup } },
    precision,
    buffers: {
      src: ref.toQuads(data.x, data.shape, srcPlane, GARBAGE),
      weights: ref.packWeights(data.weight, work.out, work.channels, kernelSide, lanes),
      norm: ref.packNorm(data.scale, data.shift),
      bias: ref.padTo4(data.bias),
      dst: new Float32Array(ref.quads(work.out) * plane * 4).fill(SENTINEL),
    },
    halves: ['src', 'weights', 'dst'],
    params: {
      ...plan.params,
      ...{ srcPlane, dstPlane: plane, inQuads: ref.quads(work.channels), outQuads: ref.quads(work.out) },
    },
    output: 'dst',
  });
  return { found, expected, plane };
}
