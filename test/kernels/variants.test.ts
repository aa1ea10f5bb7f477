/** That a wrong kernel is noticed, and that the border of a scratch map is cleared once in a block. */
import { describe, expect, it } from 'vitest';
import { machineFor } from '../../src/kernels/machines.js';
import type { Variant } from '../../src/kernels/variants.js';
import { F32, variantsOf } from './cases.js';
import { conv1x1, conv3x3, type Dispatch, expectRight, type Outcome, stem, transition } from './convolve.js';
import { hasDriver, withDevice } from './dawn.js';
import { changeSource } from './harness.js';
import * as ref from './reference.js';

const GPU = { features: ['subgroups'] } as const;

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

type Convolve = (device: GPUDevice, dispatch: Dispatch) => Promise<Outcome>;
type Kernel = Parameters<typeof variantsOf>[0];

/** A variant of a GPU: its first without splits, or its first with. */
function variantOf(kernel: Kernel, isSplit: boolean, special = {}): Variant {
  const found = variantsOf(kernel, F32, special).find(
    ({ tile, parts = [] }) =>
      !parts.includes('weights_shared') && (tile.WORKGROUP ?? 0) >= 32 && (tile.SPLIT_K ?? 1) > 1 === isSplit,
  );
  if (!found) throw new Error(`${kernel} has no such variant`);
  return found;
}

const KERNELS: Readonly<Record<string, readonly [Variant, Convolve]>> = {
  conv1x1: [variantOf('conv1x1', false), (device, dispatch) => conv1x1(device, dispatch)],
  'conv1x1 split': [variantOf('conv1x1', true), (device, dispatch) => conv1x1(device, dispatch)],
  transition: [variantOf('transition', false), transition],
  conv3x3: [variantOf('conv3x3', false), (device, dispatch) => conv3x3(device, dispatch)],
  'conv3x3 split': [variantOf('conv3x3', true), (device, dispatch) => conv3x3(device, dispatch)],
  'conv3x3 in place': [
    variantOf('conv3x3', false, { normed: true }),
    (device, dispatch) => conv3x3(device, dispatch, true),
  ],
  stem: [variantOf('stem', false), stem],
};

/** Kernel, what to change in its text, its loops unrolled, and into what: each a mistake that could be made. */
const MISTAKES: readonly (readonly [kernel: string, from: string | RegExp, to: string])[] = [
  ['conv1x1', 'quadOf(relu(total))', 'quadOf(total)'],
  ['conv1x1', 'quadOf(relu(total))', 'quadOf(relu(total) * 1.00001)'],
  ['conv1x1', 'affine.scale, affine.shift', 'affine.shift, affine.scale'],
  ['conv1x1', 'pixel < params.pixels && ', ''],
  ['conv1x1', 'weightAt += SPLIT_K * outQuads', 'weightAt += SPLIT_K'],
  ['conv1x1', 'srcAt += SPLIT_K * srcPlane', 'srcAt += SPLIT_K * params.pixels'],
  ['conv1x1', 'at < params.border', 'at + 1u < params.border'],
  ['conv1x1', 'row >= 1u && ', ''],
  ['conv1x1', 'x + abs(x)', 'max(x, vec4f())'],
  ['conv1x1 split', 'q = split', 'q = 0u'],
  ['conv1x1 split', 'q += SPLIT_K', 'q++'],
  ['conv1x1 split', /(partials\[local\.y\])\[\du\]/g, '$1[0u]'],
  ['conv1x1 split', '+ split * srcPlane', ''],
  ['transition', 'row * srcWidth', 'row * params.width'],
  ['transition', 'params.srcHeight + 2u', 'params.height + 2u'],
  ['conv3x3', 'image * params.srcGap', '0u * params.srcGap'],
  ['conv3x3', 'x < params.width && ', ''],
  ['conv3x3', '+ bias[n]', '+ bias[0u]'],
  ['conv3x3', 'weightAt += 3u * outQuads', 'weightAt += 3u'],
  ['conv3x3', /input\[(\du) \+ \du\]/g, 'input[$1]'],
  ['conv3x3 split', 'SPLIT_K * params.srcPlane', 'params.srcPlane'],
  ['conv3x3 split', '(SPLIT_K - 1u) * 9u', '(SPLIT_K - 1u) * 3u'],
  ['conv3x3 in place', 'all(position >= vec2u(1u)) && ', ''],
  ['conv3x3 in place', 'twiceRelu(fma(', '2.0 * (fma('],
  ['stem', /(\du) \* STRIDE \+/g, '$1 +'],
  ['stem', 'srcAt += srcWidth', 'srcAt += params.width'],
  ['stem', 'total < floor', 'total > floor'],
];

/** Odd sides, so that tiles and windows reach over the edges; more input quads than splits. */
const workOf = (kernel: string) => ({ batch: 2, channels: kernel === 'stem' ? 3 : 38, out: 10, height: 5, width: 7 });

describe.skipIf(!hasDriver('swiftshader'))('the comparison notices', () => {
  it.each(MISTAKES)('%s: %s → %s', async (kernel, from, to) => {
    const [variant, run] = KERNELS[kernel] ?? [];
    if (!variant || !run) throw new Error(`no kernel ${kernel}`);
    const dispatch = { work: workOf(kernel), precision: F32, variant, seed: 3 };
    const right = await withDevice('swiftshader', ({ device }) => run(device, dispatch), GPU);
    expectRight(right, dispatch);
    const outcome = await withDevice(
      'swiftshader',
      ({ device }) => {
        changeSource(device, (source) => source.replaceAll(from, to));
        return run(device, dispatch);
      },
      GPU,
    );
    expect(() => expectRight(outcome, dispatch)).toThrow(/times the bound|no value in a gap/);
  });
});

describe.skipIf(!hasDriver('swiftshader'))('the border of a scratch map', () => {
  it('is cleared by the first layer of a block, and left alone by the others', async () => {
    const [variant] = KERNELS.conv1x1 ?? [];
    if (!variant) throw new Error('no variant');
    const dispatch = { work: workOf('conv1x1'), precision: F32, variant, seed: 1 };
    const { found } = await withDevice('swiftshader', ({ device }) => conv1x1(device, dispatch, false), GPU);
    expect(found[0], 'the sentinel').toBe(-77);
    const cleared = await withDevice('swiftshader', ({ device }) => conv1x1(device, dispatch, true), GPU);
    expect(cleared.found[0]).toBe(0);
  });
});

describe('the table of machines', () => {
  it('has a row for software, and never gives its tiles to a GPU', () => {
    const names = [true, false].map((isSoftware) => machineFor({ subgroup: null, isSoftware }, F32).name);
    expect(names).toEqual(['software without subgroups', 'unknown']);
  });
});
