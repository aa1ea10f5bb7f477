/** What the tile tests hold fixed: workgroup sizes, the text before it is unrolled, and that a wrong kernel is noticed. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tileConstants } from '../../src/kernels/expand.js';
import { PARTS } from '../../src/kernels/manifest.generated.js';
import { conv1x1, conv3x3, type Dispatch, expectRight, type Outcome, stem, transition } from './convolve.js';
import { hasDriver, withDevice } from './dawn.js';
import { changeSource, F32 } from './harness.js';
import * as ref from './reference.js';

type Convolve = (device: GPUDevice, dispatch: Dispatch) => Promise<Outcome>;

interface Case {
  readonly tile: readonly number[];
  readonly run: Convolve;
  readonly way?: Readonly<Record<string, number>>;
}

/** Each kernel with a tile that compiles quickly. */
const KERNELS: Readonly<Record<string, Case>> = {
  conv1x1: { tile: [2, 1], run: conv1x1 },
  transition: { tile: [2, 1], run: transition },
  conv3x3: { tile: [2, 1, 1], run: (device, dispatch) => conv3x3(device, dispatch) },
  'conv3x3 in place': { tile: [2, 1, 1], run: (device, dispatch) => conv3x3(device, dispatch, true) },
  stem: { tile: [2, 1], run: (device, dispatch) => stem(device, dispatch, 3) },
};

/** And in the ways that go through workgroup memory: two rounds of each slice, two stages. */
const WAYS: Readonly<Record<string, Case>> = {
  'conv1x1 sliced': { tile: [2, 1], way: { SLICES: 2 }, run: conv1x1 },
  'conv1x1 staged': { tile: [1, 2], way: { STAGED: 8 }, run: conv1x1 },
  'transition sliced': { tile: [2, 1], way: { SLICES: 2 }, run: transition },
  'transition staged': { tile: [1, 2], way: { STAGED: 8 }, run: transition },
  'conv3x3 sliced': { tile: [2, 1, 1], way: { SLICES: 2 }, run: (device, dispatch) => conv3x3(device, dispatch) },
  'conv3x3 staged': { tile: [1, 1, 2], way: { STAGED: 36 }, run: (device, dispatch) => conv3x3(device, dispatch) },
};

const WORK = { batch: 2, channels: 6, out: 10, height: 23, width: 29 };
const BASE = { work: WORK, precision: F32, share: 1, workgroup: 64, seed: 3 };

describe.skipIf(!hasDriver('swiftshader'))('workgroups of 4 to 256 on swiftshader', () => {
  it.each(Object.entries(KERNELS))('%s', (_, { tile, run }) =>
    withDevice('swiftshader', async ({ device }) => {
      for (const workgroup of [4, 8, 16, 32, 64, 128, 256]) {
        const dispatch = { ...BASE, tile, workgroup };
        expectRight(await run(device, dispatch), dispatch);
      }
    }),
  );
});

/** A kernel file as it stands, for an adapter without subgroups: nothing unrolled. */
function asWritten(file: string): string {
  const text = readFileSync(new URL(`../../shaders/${file}.wgsl`, import.meta.url), 'utf8')
    .replace(/^.*\/\/ subgroup$/gm, '')
    .replace(/^.*\/\/ (?:unroll )?(?:sliced|staged)$/gm, '')
    .replace(/^const SUBGROUP = \d+u;/m, 'const SUBGROUP = 1u;');
  const norms = text.includes('normOf(') ? [PARTS.norm_alone] : [];
  return [PARTS.activations_f32, PARTS.weights_f32, PARTS.buffered, PARTS.no_subgroup, ...norms, text].join('\n');
}

describe.skipIf(!hasDriver('swiftshader'))(
  'a kernel file is valid before it is unrolled, with the same numbers',
  () => {
    it.each([
      { file: 'conv1x1', run: conv1x1 },
      { file: 'transition', run: transition },
      { file: 'conv3x3', run: KERNELS.conv3x3?.run },
      { file: 'stem', run: (device: GPUDevice, dispatch: Dispatch) => stem(device, dispatch, 7) },
    ])('$file', async ({ file, run }) => {
      const source = asWritten(file);
      const { SUBGROUP, KERNEL, STRIDE, CHANNELS, SLICES, STAGED, ...tile } = tileConstants(source);
      const dispatch = { ...BASE, work: { ...WORK, channels: CHANNELS ?? 6 }, tile: Object.values(tile) };
      const unrolled = await withDevice('swiftshader', ({ device }) => run?.(device, dispatch));
      const looped = await withDevice('swiftshader', ({ device }) => {
        changeSource(device, () => source);
        return run?.(device, dispatch);
      });
      expect([SUBGROUP ?? 1, KERNEL ?? 7, STRIDE ?? 2]).toEqual([1, 7, 2]);
      expect(looped?.found).toBeDefined();
      expect(looped?.found).toEqual(unrolled?.found);
    });
  },
);

describe('the comparison', () => {
  const shape = { batch: 1, channels: 2, height: 2, width: 3 };
  const values = Float64Array.from({ length: 12 }, (_, i) => i - 5);
  const expected = { values, bounds: values.map(() => 1e-6), shape };
  const changed = (index: number, value: number) => values.map((own, i) => (i === index ? value : own));

  it('says where, what and how far', () => {
    ref.expectWithin(values, expected, 'f32');
    expect(() => ref.expectWithin(changed(10, 5.1), expected, 'f32')).toThrow(
      /^at \[image, channel, row, column\] \[0,1,1,1\]: got 5\.1, expected 5, .* times the bound$/,
    );
  });

  it('forgets no NaN, wherever it is, and misses no value', () => {
    for (const index of values.keys())
      expect(() => ref.expectWithin(changed(index, Number.NaN), expected, 'f32')).toThrow('got NaN');
    expect(() => ref.expectWithin(values.slice(0, 11), expected, 'f32')).toThrow('[0,1,1,2]');
  });
});

/** Kernel, what to change in its text, and into what: each a mistake that could be made. */
const MISTAKES: readonly (readonly [kernel: string, from: string | RegExp, to: string])[] = [
  ['conv1x1', 'quadOf(relu(sum[0u][0u]))', 'quadOf(sum[0u][0u])'],
  ['conv1x1', 'relu(sum[0u][0u])', 'relu(sum[0u][0u]) * 1.00001'],
  ['conv1x1', 'affine.scale, affine.shift', 'affine.shift, affine.scale'],
  ['conv1x1', 'pixel < params.pixels && ', ''],
  ['conv1x1', 'q < params.inQuads', 'q + 1u < params.inQuads'],
  ['conv1x1', 'srcAt += SLICES * params.srcPlane', 'srcAt += SLICES * params.pixels'],
  ['conv1x1 sliced', 'firstPixel + slice * params.srcPlane', 'firstPixel'],
  ['conv1x1 sliced', 'slot % 4u + 4u * slice', 'slot % 4u'],
  ['conv1x1 sliced', 'q += SLICES', 'q++'],
  ['conv1x1 sliced', 'if (slice > 0u) { start = vec4f(); }', ''],
  ['conv1x1 sliced', 'slice < SLICES', 'slice + 1u < SLICES'],
  ['conv1x1 sliced', 'if (slice > 0u) { return; }', 'if (slice != 1u) { return; }'],
  ['conv1x1 staged', '4u * q % STAGED == 0u', 'q == 0u'],
  ['conv1x1 staged', 'chunk[4u * q % STAGED', 'chunk[4u * q % STAGED * 0u'],
  ['conv1x1 staged', 'i / STAGED * row', 'i / STAGED'],
  ['transition sliced', '4u * SLICES', '4u'],
  ['transition staged', '3u / 4u * STAGED + 3u % 4u', '2u'],
  ['transition', '0.25 *', '0.5 *'],
  ['transition', 'y) * params.srcWidth + 2u * x', 'y) * params.srcWidth + x'],
  ['transition', 'image * params.srcHeight', 'image * 2u * params.height'],
  ['conv3x3', 'rowIn && columnIn', 'columnIn'],
  ['conv3x3', 'x0 + 1u < params.width', 'true'],
  ['conv3x3', 'var start = bias[firstQuad + 0u]', 'var start = bias[0u]'],
  ['conv3x3 sliced', 'step += SLICES', 'step += SLICES + 1u'],
  ['conv3x3 sliced', '12u * TAP_ROWS * slice', '12u * slice'],
  ['conv3x3 staged', 'i < STAGED * TILE_QUADS', 'i < STAGED'],
  ['conv3x3 in place', 'relu(fma(value, affine.scale, affine.shift))', 'fma(value, affine.scale, affine.shift)'],
  ['stem', 'clamp(srcX, PADDING', 'clamp(srcX + 1u, PADDING'],
  ['stem', 'weightAt += KERNEL * CHANNELS', 'weightAt += KERNEL'],
];

describe.skipIf(!hasDriver('swiftshader'))('the comparison notices', () => {
  it.each(MISTAKES)('%s: %s → %s', async (kernel, from, to) => {
    const { tile = [], run, way } = { ...KERNELS, ...WAYS }[kernel] ?? {};
    // Odd sides, so that tiles and windows reach over the edges.
    const dispatch = {
      ...BASE,
      tile,
      ...(way && { way }),
      work: { batch: 2, channels: way ? 14 : 6, out: 10, height: 5, width: 7 },
    };
    const outcome = await withDevice('swiftshader', ({ device }) => {
      changeSource(device, (source) => source.replaceAll(from, to));
      return run?.(device, dispatch);
    });
    if (!outcome) throw new Error(`no kernel ${kernel}`);
    expect(() => expectRight(outcome, dispatch)).toThrow(/times the bound|no value in a gap/);
  });
});
