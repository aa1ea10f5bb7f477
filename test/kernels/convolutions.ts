/**
 * The convolutions against double precision: every variant that a machine's row can choose, in f32 and in f16, and
 * every text with maps and weights stored differently; at awkward shapes.
 */
import { describe, expect, it } from 'vitest';
import type { Precision } from '../../src/kernels/machines.js';
import type { Variant } from '../../src/kernels/variants.js';
import { DRIVERS, nameOf, runsOn, titleOf, unreachedRows, variantsOf } from './cases.js';
import { conv1x1, conv3x3, type Dispatch, expectRight, type Outcome, stem, transition, type Work } from './convolve.js';
import { hasDriver, withDevice } from './dawn.js';

/** Multiples of nothing, single pixels, growth rates of 5 and 6, batches, many workgroups, fewer quads than splits. */
const SHAPES: readonly Work[] = [
  { batch: 1, channels: 5, out: 6, height: 1, width: 1 },
  { batch: 3, channels: 10, out: 5, height: 5, width: 7 },
  { batch: 2, channels: 37, out: 21, height: 13, width: 6 },
  { batch: 1, channels: 4, out: 48, height: 23, width: 29 },
];
/** A pooled map has a pixel at least. */
const POOLED_SHAPES: readonly Work[] = [{ batch: 3, channels: 6, out: 5, height: 3, width: 2 }, ...SHAPES.slice(1)];
const pictures = (channels: number): readonly Work[] =>
  [0, 1].map((i) => ({ batch: 2, channels, out: 10, height: 15 - i, width: 18 + i }));

type Run = (device: GPUDevice, dispatch: Dispatch) => Promise<Outcome>;

/** Kernel by title: what it is, at which shapes, and how it is run. */
const KERNELS: readonly (readonly [
  title: string,
  kernel: Parameters<typeof variantsOf>[0],
  special: Parameters<typeof variantsOf>[2],
  works: readonly Work[],
  run: Run,
])[] = [
  ['conv1x1', 'conv1x1', {}, SHAPES, conv1x1],
  ['transition', 'transition', {}, POOLED_SHAPES, transition],
  ['conv3x3', 'conv3x3', {}, SHAPES, (device, dispatch) => conv3x3(device, dispatch)],
  ['conv3x3 in place', 'conv3x3', { normed: true }, SHAPES, (device, dispatch) => conv3x3(device, dispatch, true)],
  ['stem 7×7, RGB', 'stem', { channels: 3 }, pictures(3), stem],
  ['stem 3×3, gray', 'stem', { size: 3, stride: 1, channels: 1 }, pictures(1), stem],
  ['stem 3×3, six channels', 'stem', { size: 3, stride: 1, channels: 4 }, pictures(6), stem],
];

/** One tile of each text. Storage of maps and of weights meet in no other way than these texts show. */
const ofEachText = (variants: readonly Variant[]): readonly Variant[] => [
  ...new Map(variants.map((variant) => [`${variant.parts}`, variant])).values(),
];

/** Declares the tests of some precisions, so that each file of them runs beside the other. */
export function testConvolutions(precisions: readonly Precision[]): void {
  it('the adapters of the tests reach every row of the table', () => {
    expect(unreachedRows()).toEqual([]);
  });

  for (const driver of DRIVERS) {
    describe.skipIf(!hasDriver(driver.driver))(`on ${driver.driver}`, () => {
      for (const precision of precisions) {
        for (const [title, kernel, special, works, run] of KERNELS) {
          const all = variantsOf(kernel, precision, special).filter((variant) => runsOn(variant, driver));
          const variants = precision.activations === precision.weights ? all : ofEachText(all);
          if (variants.length === 0) continue;
          it.each(variants.map((variant) => [titleOf(variant), variant] as const))(
            `${title}, ${nameOf(precision)}: %s`,
            (_, variant) =>
              withDevice(
                driver.driver,
                async ({ device }) => {
                  for (const [s, work] of works.entries()) {
                    const dispatch = { work, precision, variant, seed: s + 1 };
                    expectRight(await run(device, dispatch), dispatch);
                  }
                },
                { features: driver.features },
              ),
          );
        }
      }
    });
  }
}
