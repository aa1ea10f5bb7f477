/** The kernels without a tile against double precision: in f32, and in f16 where the driver has it. */
import { describe, expect, it } from 'vitest';
import type { Precision } from '../../src/kernels/machines.js';
import { DRIVERS, nameOf } from './cases.js';
import { hasDriver, withDevice } from './dawn.js';
import { asStored, F16, F32, type KernelRun, random, randoms, runKernel } from './harness.js';
import * as head from './head-reference.js';
import * as ref from './reference.js';

const WORKGROUP = 8;
const PLAIN = { tile: {}, overrides: { WORKGROUP } };
const FIXED = { tile: {}, overrides: {} };

/** One pixel; odd sides; a row; more pixels than a workgroup of any of these kernels covers at once. */
const SHAPES: readonly ref.Shape[] = [
  { batch: 1, channels: 5, height: 1, width: 1 },
  { batch: 2, channels: 10, height: 7, width: 9 },
  { batch: 3, channels: 3, height: 1, width: 6 },
  { batch: 1, channels: 9, height: 12, width: 10 },
];

for (const { driver, features } of DRIVERS) {
  const precision: Precision = driver === 'lavapipe' ? F16 : F32;
  const { activations } = precision;

  describe.skipIf(!hasDriver(driver))(`on ${driver}, ${nameOf(precision)}`, () => {
    const inDriver = (test: (device: GPUDevice) => Promise<void>) =>
      withDevice(driver, ({ device }) => test(device), { features });

    describe.each(SHAPES)('$batch × $channels × $height × $width', (shape) => {
      const { batch, channels } = shape;
      const pixels = ref.pixelsOf(shape);
      const quads = ref.quads(channels);
      const plane = batch * pixels + 3;
      const next = random(100 * channels + pixels);
      const x = asStored(randoms(batch * channels * pixels, next), activations);
      const [scale, shift] = [randoms(channels, next), randoms(channels, next)];
      const normed = head.normalize(x, shape, scale, shift);
      const src = ref.toQuads(x, shape, plane);
      const norm = ref.packNorm(scale, shift);
      const perPixel = (count: number): number => Math.ceil(count / WORKGROUP);

      const run = (device: GPUDevice, parts: Omit<KernelRun, 'precision' | 'output'>) =>
        runKernel(device, { precision, output: 'dst', ...parts });

      it.each([0, 1, 3])('pack: NCHW to quads with a border of %i, rounded to the storage', (border) =>
        inDriver(async (device) => {
          const { height, width } = shape;
          const stored = ref.storedPixels(shape, border);
          const dstPlane = batch * stored + 3;
          const expected = ref.toQuads(x, shape, dstPlane, 0, border);
          const found = await run(device, {
            kernel: 'pack',
            variant: PLAIN,
            buffers: { src: x, dst: new Float32Array(expected.length) },
            halves: ['dst'],
            params: { width, height, border, channels, dstPlane },
            workgroups: [perPixel(stored), quads, batch],
          });
          expect(found).toEqual(expected);
        }),
      );

      it('maxpool: 3×3 stride 2 padding 1, exactly', () =>
        inDriver(async (device) => {
          const expected = head.maxPool(x, shape);
          const count = batch * ref.pixelsOf(expected.shape);
          const { height, width } = expected.shape;
          const found = await run(device, {
            kernel: 'maxpool',
            variant: PLAIN,
            buffers: { src, dst: new Float32Array(quads * count * 4) },
            halves: ['src', 'dst'],
            params: {
              ...{ pixels: count, width, height, srcWidth: shape.width, srcHeight: shape.height },
              ...{ srcPlane: plane, dstPlane: count },
            },
            workgroups: [perPixel(count), quads, 1],
          });
          expect(ref.fromQuads(found, expected.shape, count)).toEqual(expected.values);
        }));

      it('normalize: BN-ReLU', () =>
        inDriver(async (device) => {
          const found = await run(device, {
            kernel: 'normalize',
            variant: PLAIN,
            buffers: { src, norm, dst: new Float32Array(src.length) },
            halves: ['src', 'dst'],
            params: { pixels: batch * pixels, srcPlane: plane, dstPlane: plane, floor: 0 },
            workgroups: [perPixel(batch * pixels), quads, 1],
          });
          ref.expectWithin(ref.fromQuads(found, shape, plane), normed, activations);
        }));

      it('pool: the mean of BN-ReLU, in f32', () =>
        inDriver(async (device) => {
          const found = await run(device, {
            kernel: 'pool',
            variant: FIXED,
            buffers: { src, norm, dst: new Float32Array(batch * quads * 4) },
            halves: ['src'],
            params: { pixels, quads, srcPlane: plane, kind: 0, floor: 0 },
            workgroups: [quads, batch, 1],
          });
          const rows = Array.from({ length: batch }, (_, n) => [
            ...found.subarray(4 * quads * n, 4 * quads * n + channels),
          ]);
          ref.expectWithin(rows.flat(), head.globalAverage(normed), 'f32');
        }));

      it('cam: the map of each image’s own class', () =>
        inDriver(async (device) => {
          const classes = 6;
          const weight = asStored(randoms(classes * channels, next), precision.weights);
          const classOf = Uint32Array.from({ length: batch }, (_, n) => (5 * n + 4) % classes);
          const gradient = await run(device, {
            kernel: 'gradient',
            variant: PLAIN,
            buffers: {
              ...{ weights: ref.packLinear(weight, classes), classOf },
              ...{ above: new Float32Array(4), below: new Float32Array(batch * quads * 4) },
              dst: new Float32Array(batch * quads * 4),
            },
            halves: ['weights'],
            params: { inQuads: quads, outQuads: ref.quads(classes), activation: 0, isClassifier: 1 },
            workgroups: [Math.ceil(quads / 64), batch, 1],
          });
          const found = await run(device, {
            kernel: 'cam',
            variant: PLAIN,
            buffers: { ...{ src, norm, gradient }, dst: new Float32Array(batch * pixels) },
            halves: ['src'],
            params: { pixels, quads, srcPlane: plane, floor: 0 },
            workgroups: [perPixel(pixels), batch, 1],
          });
          ref.expectWithin(found, head.classActivation(normed, weight, classOf), 'f32');
        }));
    });

    it.each([
      { batch: 1, channels: 3, classes: 1 },
      { batch: 2, channels: 45, classes: 37 },
      { batch: 3, channels: 200, classes: 6 },
    ])('linear: $classes classes of $channels features, batch $batch', ({ batch, channels, classes }) =>
      inDriver(async (device) => {
        const next = random(classes);
        const shape = { batch, channels, height: 1, width: 1 };
        const x = randoms(batch * channels, next);
        const weight = asStored(randoms(classes * channels, next), precision.weights);
        const bias = randoms(classes, next);
        const [inQuads, outQuads] = [ref.quads(channels), ref.quads(classes)];
        const rows = Array.from({ length: batch }, (_, n) => [
          ...ref.toQuads(x.subarray(n * channels, (n + 1) * channels), { ...shape, batch: 1 }, 1),
        ]);
        const found = await runKernel(device, {
          kernel: 'linear',
          variant: FIXED,
          precision,
          output: 'dst',
          buffers: {
            ...{
              src: Float32Array.from(rows.flat()),
              weights: ref.packLinear(weight, classes),
              bias: ref.padTo4(bias),
            },
            dst: new Float32Array(batch * outQuads * 4),
          },
          halves: ['weights'],
          params: { inQuads, outQuads, activation: 0 },
          workgroups: [Math.ceil(outQuads / 8), batch, 1],
        });
        const used = Array.from(found).filter((_, i) => i % (4 * outQuads) < classes);
        ref.expectWithin(used, head.linear(x, batch, weight, bias), 'f32');
      }),
    );
  });
}
