/** Filter taps and geometry of preprocessing, without a GPU. The integer path in plain loops equals Pillow's images. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PixelData } from '../../src/gpu/image-source.js';
import { packTaps, tapsOf } from '../../src/preprocess/coefficients.js';
import { normalisation, type PreprocessPlan, planPreprocess } from '../../src/preprocess/geometry.js';
import { PRESETS, presetOf } from '../../src/preprocess/presets.js';
import { inputSizeOf, type PreprocessSpec } from '../../src/preprocess/spec.js';
import { imageCases, picture } from '../fixtures/images.js';

const ONE = 2 ** 22;
const HALF = ONE / 2;

describe('the taps of an axis', () => {
  const axis = fc.record({ source: fc.integer({ min: 1, max: 700 }), resized: fc.integer({ min: 1, max: 300 }) });
  const filter = fc.constantFrom('nearest' as const, 'bilinear' as const, 'bicubic' as const);

  it('stay inside the source, and their weights sum to one within their rounding', () => {
    fc.assert(
      fc.property(axis, filter, fc.boolean(), ({ source, resized }, kind, antialias) => {
        for (const { start, weights } of tapsOf({ source, resized, first: 0, count: resized }, kind, antialias)) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start + weights.length).toBeLessThanOrEqual(source);
          expect(Math.abs(weights.reduce((a, b) => a + b, 0) - ONE)).toBeLessThanOrEqual(weights.length / 2);
        }
      }),
    );
  });

  it('keep every weighted sum of bytes within 32 bits', () => {
    fc.assert(
      fc.property(axis, filter, ({ source, resized }, kind) => {
        for (const { weights } of tapsOf({ source, resized, first: 0, count: resized }, kind, true)) {
          const reach = weights.reduce((sum, weight) => sum + Math.abs(weight), 0) * 255 + ONE / 2;
          expect(reach).toBeLessThan(2 ** 31);
        }
      }),
    );
  });

  it('are one pixel of weight 1 when the size does not change', () => {
    for (const kind of ['nearest', 'bilinear', 'bicubic'] as const) {
      const taps = tapsOf({ source: 9, resized: 9, first: 2, count: 3 }, kind, true);
      expect(taps).toEqual([2, 3, 4].map((start) => ({ start, weights: [ONE] })));
    }
  });

  it('of the blur count pixels outside the image as mid-gray', () => {
    fc.assert(
      fc.property(axis, ({ source, resized }) => {
        for (const tap of tapsOf({ source, resized, first: 0, count: resized }, 'gaussian', true)) {
          const { start, weights, beyond = 0 } = tap;
          const inside = weights.reduce((a, b) => a + b, 0);
          expect(Math.min(start, ...weights)).toBeGreaterThanOrEqual(0);
          expect(start + weights.length).toBeLessThanOrEqual(source);
          // A mid-gray image stays mid-gray.
          expect(Math.abs(inside * 127.5 + beyond - ONE * 127.5)).toBeLessThanOrEqual(1);
          expect(inside * 255 + beyond + HALF).toBeLessThan(2 ** 31);
        }
      }),
    );
  });

  it('include no pixel outside the image', () => {
    const taps = tapsOf({ source: 2, resized: 2, first: -1, count: 4 }, 'bilinear', true);
    expect(taps.map(({ weights }) => weights.length)).toEqual([0, 1, 1, 0]);
  });

  it('of a part of the axis equal that part of all taps', () => {
    fc.assert(
      fc.property(axis, filter, fc.nat(300), fc.nat(300), ({ source, resized }, kind, a, b) => {
        const [first, last] = [Math.min(a, b) % resized, Math.max(a, b) % resized].sort((x, y) => x - y);
        if (first === undefined || last === undefined) return;
        const all = tapsOf({ source, resized, first: 0, count: resized }, kind, true);
        const some = tapsOf({ source, resized, first, count: last - first }, kind, true);
        expect(some).toEqual(all.slice(first, last));
      }),
    );
  });

  it('are packed output by output, padded with zeros', () => {
    const taps = [
      { start: 5, weights: [7, 8] },
      { start: 0, weights: [] },
      { start: 6, weights: [9], beyond: 3 },
    ];
    expect([...packTaps(taps, 5)]).toEqual([0, 0, 1, 2, 0, 1, HALF, HALF, HALF + 3, 7, 0, 9, 8, 0, 0]);
  });
});

const EXACT = { kind: 'exact', size: [4, 4], filter: 'bilinear', antialias: true } as const;

describe('the geometry of an image', () => {
  const spec = (change: Partial<PreprocessSpec>): PreprocessSpec => ({ ...presetOf('torchvision'), ...change });

  it('keeps the shorter side exact and rounds the longer one down, as torchvision does', () => {
    const { horizontal, vertical } = planPreprocess(presetOf('torchvision'), 500, 333, [224, 224]);
    expect([horizontal.resized, vertical.resized]).toEqual([384, 256]);
  });

  it.each([
    [7, 4, 'even', 2], // 1.5 → 2
    [5, 4, 'even', 0], // 0.5 → 0
    [9, 4, 'even', 2], // 2.5 → 2
    [7, 4, 'down', 1],
    [3, 4, 'even', 0], // one pixel of padding goes to the right
    [3, 4, 'down', -1], // … or to the left
    [6, 3, 'middle', 2], // pixel 1 of the crop on pixel 3
    [7, 4, 'middle', 1],
    [1, 4, 'even', -1],
  ] as const)('crops %i pixels to %i, rounding %s, at %i', (side, crop, cropRounding, offset) => {
    const plan = planPreprocess(spec({ resize: { kind: 'none' }, crop: [crop, crop], cropRounding }), side, side, [
      crop,
      crop,
    ]);
    expect([plan.horizontal.first, plan.vertical.first]).toEqual([offset, offset]);
  });

  it('reads only the rows that the crop needs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 600 }), (width, height) => {
        const plan = planPreprocess(spec({}), width, height, [224, 224]);
        const { span, resized } = plan.transposed ? plan.horizontal : plan.vertical;
        expect(plan.firstRow).toBeGreaterThanOrEqual(0);
        expect(plan.firstRow + plan.rows).toBeLessThanOrEqual(span);
        const margin = Math.ceil(2 * Math.max(1, span / resized));
        expect(plan.rows).toBeLessThanOrEqual(Math.ceil((224 * span) / resized) + 2 * margin);
      }),
    );
  });

  it('resizes rows first when they shrink more than twice as much as columns, as Pillow 13 does', () => {
    const transposed = (width: number, height: number) =>
      planPreprocess(spec({}), width, height, [224, 224]).transposed;
    expect([transposed(300, 500), transposed(300, 600), transposed(300, 610)]).toEqual([false, false, true]);
    expect(transposed(200, 900)).toBe(false); // both sides grow
  });

  it('crops to the aspect ratio before a covering resize', () => {
    const cover = spec({ resize: { ...EXACT, kind: 'cover', size: [40, 20] }, crop: null, cropRounding: 'down' });
    const { horizontal, vertical } = planPreprocess(cover, 101, 60, [40, 20]);
    expect([horizontal, vertical]).toEqual([
      { from: 35, span: 30, resized: 20, first: 0, count: 20 },
      { from: 0, span: 60, resized: 40, first: 0, count: 40 },
    ]);
  });

  it('rejects an image that does not come out at the network’s input size, and suggests a repair', () => {
    expect(() => planPreprocess(spec({ crop: null }), 500, 333, [224, 224])).toThrow(
      "an image of 500×333 pixels comes to 384×256 by the model's preprocessing, but the network takes 224×224: " +
        'give the preprocessing a crop or an exact resize',
    );
    expect(() => planPreprocess(spec({}), 0, 5, [224, 224])).toThrow('the image has no pixels');
  });

  it('gives the input size of every preset without an image', () => {
    expect(Object.entries(PRESETS).map(([name, row]) => [name, inputSizeOf(row)?.[0]])).toEqual([
      ['torchvision', 224],
      ['timm-tv', 224],
      ['timm-ra', 288],
      ['keras', 224],
      ['keras-nearest', 224],
      ['caffe', 224],
      ['torchxrayvision', 224],
      ['rescale', 224],
      ['rescale-32', 32],
      ['cifar10-std-0.247', 32],
      ['cifar10-std-0.2023', 32],
      ['cifar10', 32],
      ['cifar10-per-image', 32],
      ['cifar100', 32],
    ]);
  });

  it('normalises with one multiplication and one addition', () => {
    const { gain, offset } = normalisation(presetOf('torchxrayvision'));
    expect([gain, offset]).toEqual([
      [2048 / 255, 0, 0, 0],
      [-1024, 0, 0, 0],
    ]);
  });
});

describe('the integer path, in plain loops', () => {
  it.each(imageCases())(
    'equals the reference: $name',
    ({ source: [width, height], spec, pixels, rowStep, sha256, isExact }) => {
      const [rows = 0, columns = 0] = pixels.shape;
      const size = inputSizeOf(spec) ?? [rows, columns];
      const result = resample(picture(width, height), spec, planPreprocess(spec, width, height, size));
      const rowBytes = result.length / size[0];
      const errors: number[] = [];
      for (let row = 0; row < rows; row++) {
        const got = result.subarray(row * rowStep * rowBytes, (row * rowStep + 1) * rowBytes);
        for (const [i, value] of got.entries()) errors.push(Math.abs(value - (pixels.bytes[row * rowBytes + i] ?? -1)));
      }
      const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
      expect(Math.max(...errors), 'largest error, of 255').toBeLessThanOrEqual(isExact ? 0 : 1);
      expect(mean, 'mean error, of 255').toBeLessThanOrEqual(isExact ? 0 : 0.2);
      if (isExact) expect(createHash('sha256').update(result).digest('hex')).toBe(sha256);
    },
  );
});

/** What the two kernels compute before normalisation: [row][column][channel] of bytes. */
function resample(image: PixelData, spec: PreprocessSpec, plan: PreprocessPlan): Uint8Array {
  const { width, height, rows, firstRow, transposed } = plan;
  const channels = spec.std.length;
  const apply = (taps: Int32Array, outputs: number, output: number, at: (i: number) => number) => {
    const [start = 0, count = 0, first = 0] = [taps[output], taps[outputs + output], taps[2 * outputs + output]];
    let sum = first;
    for (let i = 0; i < count; i++) sum += (taps[(3 + i) * outputs + output] ?? 0) * at(start + i);
    return Math.min(255, Math.max(0, Math.floor(sum / ONE)));
  };
  const source = (x: number, y: number, c: number): number => {
    const [r = 0, g = 0, b = 0] = image.data.subarray((transposed ? x * image.width + y : y * image.width + x) * 4);
    if (spec.channelOrder === 'gray') return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
    if (spec.channelOrder === 'gray-mean') return Math.round((r + g + b) / 3);
    return (spec.channelOrder === 'rgb' ? [r, g, b] : [b, g, r])[c] ?? 0;
  };
  const scratch = new Uint8Array(rows * width * channels);
  const result = new Uint8Array(height * width * channels);
  for (let x = 0; x < width; x++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < rows; y++) {
        const value = apply(plan.columnTaps, width, x, (i) => source(i, firstRow + y, c));
        scratch[(y * width + x) * channels + c] = value;
      }
      for (let y = 0; y < height; y++) {
        const value = apply(plan.rowTaps, height, y, (i) => scratch[(i * width + x) * channels + c] ?? 0);
        result[(transposed ? x * height + y : y * width + x) * channels + c] = value;
      }
    }
  }
  return result;
}
