/** The kernels without a tile, against double precision; and that no kernel races. */
import { describe, expect, it } from 'vitest';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import { kernelSource } from '../../src/plan/source.js';
import { hasDriver, withDevice } from './dawn.js';
import { F32, random, randoms, runKernel } from './harness.js';
import * as ref from './reference.js';

const PLAIN = { tile: {}, overrides: { WORKGROUP: 64 } };
const FIXED = { tile: {}, overrides: {} };
const SHAPE = { batch: 2, channels: 10, height: 7, width: 9 };
const PIXELS = ref.pixelsOf(SHAPE);
const PLANE = 2 * PIXELS + 5;
const QUADS = ref.quads(SHAPE.channels);

/** 20 roundings of values of this magnitude: all these kernels add few terms or add them in trees. */
const close = (found: ArrayLike<number>, expected: ArrayLike<number>, magnitude: number) => {
  expect(found.length).toBe(expected.length);
  const worst = Array.from(expected, (value, i) => Math.abs(value - (found[i] ?? Number.NaN))).reduce(
    (a, b) => (b <= a ? a : b),
    0,
  );
  expect(worst, 'largest error').toBeLessThanOrEqual(20 * ref.F32_UNIT * magnitude);
};

describe.skipIf(!hasDriver('swiftshader'))('on swiftshader', () => {
  const next = random(5);
  const x = randoms(2 * 10 * PIXELS, next);
  const [scale, shift] = [randoms(10, next), randoms(10, next)];
  const normed = ref.normRelu(x, SHAPE, scale, shift);
  const src = ref.toQuads(x, SHAPE, PLANE);
  const norm = ref.packNorm(scale, shift);

  it('pack: NCHW to quads, exactly', async () => {
    const found = await withDevice('swiftshader', ({ device }) =>
      runKernel(device, {
        kernel: 'pack',
        variant: PLAIN,
        precision: F32,
        output: 'dst',
        buffers: { src: x, dst: new Float32Array(src.length) },
        params: { pixels: PIXELS, channels: 10, dstPlane: PLANE },
        workgroups: [1, QUADS, 2],
      }),
    );
    expect(found).toEqual(src);
  });

  it('maxpool: 3×3 stride 2 padding 1, exactly', async () => {
    const [height, width] = [4, 5];
    const found = await withDevice('swiftshader', ({ device }) =>
      runKernel(device, {
        kernel: 'maxpool',
        variant: PLAIN,
        precision: F32,
        output: 'dst',
        buffers: { src, dst: new Float32Array(QUADS * 40 * 4) },
        params: { pixels: 2 * height * width, width, height, srcWidth: 9, srcHeight: 7, srcPlane: PLANE, dstPlane: 40 },
        workgroups: [1, QUADS, 1],
      }),
    );
    const expected = Float32Array.from({ length: 2 * 10 * height * width }, (_, i) => {
      const [c, y] = [i % width, Math.floor(i / width) % height];
      const plane = Math.floor(i / width / height);
      let most = Number.NEGATIVE_INFINITY;
      for (let row = Math.max(0, 2 * y - 1); row <= Math.min(6, 2 * y + 1); row++) {
        for (let col = Math.max(0, 2 * c - 1); col <= Math.min(8, 2 * c + 1); col++)
          most = Math.max(most, x[plane * PIXELS + row * 9 + col] ?? 0);
      }
      return most;
    });
    expect(Float32Array.from(ref.fromQuads(found, { batch: 2, channels: 10, height, width }, 40))).toEqual(expected);
  });

  it('pool and normalize: BN-ReLU, and its mean', async () => {
    await withDevice('swiftshader', async ({ device }) => {
      const pooled = await runKernel(device, {
        kernel: 'pool',
        variant: FIXED,
        precision: F32,
        output: 'dst',
        buffers: { src, norm, dst: new Float32Array(2 * QUADS * 4) },
        params: { pixels: PIXELS, quads: QUADS, srcPlane: PLANE },
        workgroups: [QUADS, 2, 1],
      });
      const expected = Float64Array.from({ length: 2 * QUADS * 4 }, (_, i) => {
        const [n, c] = [Math.floor(i / (QUADS * 4)), i % (QUADS * 4)];
        return c < 10
          ? normed.slice((n * 10 + c) * PIXELS, (n * 10 + c + 1) * PIXELS).reduce((a, b) => a + b, 0) / PIXELS
          : 0;
      });
      close(pooled, expected, 2);
      const whole = await runKernel(device, {
        kernel: 'normalize',
        variant: PLAIN,
        precision: F32,
        output: 'dst',
        buffers: { src, norm, dst: new Float32Array(src.length) },
        params: { pixels: 2 * PIXELS, srcPlane: PLANE, dstPlane: PLANE },
        workgroups: [2, QUADS, 1],
      });
      close(ref.fromQuads(whole, SHAPE, PLANE), normed, 2);
    });
  });

  it('linear: logits of every class and image', async () => {
    const [classes, channels] = [37, 45];
    const [features, weight, bias] = [randoms(2 * 48, next), randoms(48 * 40, next), randoms(40, next)];
    const found = await withDevice('swiftshader', ({ device }) =>
      runKernel(device, {
        kernel: 'linear',
        variant: FIXED,
        precision: F32,
        output: 'dst',
        buffers: { src: features, weights: weight, bias, dst: new Float32Array(80) },
        params: { inQuads: 12, outQuads: 10 },
        workgroups: [2, 2, 1],
      }),
    );
    const expected = Float64Array.from({ length: 80 }, (_, i) => {
      const [n, o] = [Math.floor(i / 40), i % 40];
      let sum = bias[o] ?? 0;
      for (let c = 0; c < 48; c++) sum += (features[n * 48 + c] ?? 0) * (weight[c * 40 + o] ?? 0);
      return sum;
    });
    expect(classes + channels).toBe(82);
    close(found, expected, 48);
  });

  it.each([0, 1])('scores: softmax and sigmoid, the best in order (sigmoid %i)', async (sigmoid) => {
    const classes = 150;
    const logits = Float32Array.from({ length: 2 * 152 }, () => 8 * next());
    const buffers = { logits, best: new Float32Array(2 * 10), scores: new Float32Array(304) };
    const run = {
      kernel: 'scores',
      variant: FIXED,
      precision: F32,
      buffers,
      params: { classes, stride: 152, top: 5, sigmoid },
      workgroups: [2, 1, 1],
    } as const;
    await withDevice('swiftshader', async ({ device }) => {
      const scores = await runKernel(device, { ...run, output: 'scores' });
      const best = await runKernel(device, { ...run, output: 'best' });
      const indices = new Uint32Array(best.buffer, best.byteOffset, best.length);
      for (const n of [0, 1]) {
        const row = [...logits.subarray(n * 152, n * 152 + classes)];
        const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
        const expected = row.map((logit) => (sigmoid ? 1 / (1 + Math.exp(-logit)) : Math.exp(logit) / total));
        close(scores.subarray(n * 152, n * 152 + classes), expected, 16);
        const order = [...row.keys()].sort((a, b) => (row[b] ?? 0) - (row[a] ?? 0));
        expect([0, 1, 2, 3, 4].map((k) => indices[n * 10 + 2 * k])).toEqual(order.slice(0, 5));
      }
    });
  });
});

/** One small dispatch of each kernel: tile, the buffers in order of binding, the parameters. */
const floats = (count: number) => new Float32Array(count);
const DISPATCHES = {
  maxpool: [{}, [floats(64), floats(16)], [4, 2, 2, 4, 4, 16, 4]],
  pack: [{}, [floats(12), floats(16)], [4, 3, 4]],
  normalize: [{}, [floats(16), floats(8), floats(16)], [4, 4, 4]],
  transition: [
    { TILE_PIXELS: 1, TILE_QUADS: 1, SUBGROUP: 1 },
    [floats(64), floats(16), floats(8), floats(4), floats(16)],
    [4, 2, 2, 4, 4, 16, 4, 1, 1],
  ],
  cam: [{}, [floats(16), floats(16), floats(8), new Uint32Array(1), floats(4)], [4, 1, 4, 1]],
  pool: [{}, [floats(160), floats(8), floats(4)], [40, 1, 40]],
  linear: [{}, [floats(8), floats(128), floats(16), floats(16)], [2, 4]],
} as const;

/**
 * wgsl_reflect's interpreter fails on arrays of arrays (conv1x1, conv3x3, stem) and of structs (scores); the first three
 * share no memory between invocations, as transition, which is built alike, does not.
 */
describe('no kernel races', () => {
  type Raced = keyof typeof DISPATCHES;
  const races = (kernel: Raced, change: (source: string) => string = (source) => source) => {
    const [tile, buffers, params] = DISPATCHES[kernel];
    const source = kernelSource(kernel, { tile, overrides: {} }, F32).replace(
      'WORKGROUP: u32 = 64u',
      'WORKGROUP: u32 = 4u',
    );
    const bound = Object.fromEntries([...buffers, { uniform: new Uint32Array(params) }].map((data, i) => [i, data]));
    const { races: found, errors } = detectRaces(change(source), 'main', [1, 1, 1], { 0: bound });
    expect(errors).toEqual([]);
    return found.length;
  };

  it.each(['maxpool', 'pack', 'normalize', 'transition', 'cam', 'pool', 'linear'] as const)('%s', (kernel) =>
    expect(races(kernel)).toBe(0),
  );

  it('and the detector sees a missing barrier', () => {
    expect(races('pool', (source) => source.replace('workgroupBarrier();', ''))).toBeGreaterThan(0);
    expect(races('linear', (source) => source.replace('workgroupBarrier();', ''))).toBeGreaterThan(0);
  });
});
