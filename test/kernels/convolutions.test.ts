/** The convolutions against double precision: every tile, shared weights or not, every storage, at awkward shapes. */
import { describe, it } from 'vitest';
import { conv1x1, conv3x3, type Dispatch, expectRight, type Outcome, stem, transition, type Work } from './convolve.js';
import { hasDriver, withDevice } from './dawn.js';
import { DRIVERS, largestSharing, nameOf, PRECISIONS, tilesOn } from './tiles.js';

/** Multiples of nothing, single pixels, growth rates of 5 and 6, batches, many workgroups. */
const SHAPES: readonly Work[] = [
  { batch: 1, channels: 5, out: 6, height: 1, width: 1 },
  { batch: 3, channels: 10, out: 5, height: 5, width: 7 },
  { batch: 2, channels: 17, out: 21, height: 13, width: 6 },
  { batch: 1, channels: 4, out: 48, height: 23, width: 29 },
];
/** A pooled map has a pixel at least. */
const POOLED_SHAPES: readonly Work[] = [{ batch: 3, channels: 6, out: 5, height: 3, width: 2 }, ...SHAPES.slice(1)];
/** RGB, grey, and more channels than a quad has. */
const PICTURES: readonly Work[] = [3, 1, 6].map((channels, i) => ({
  ...{ batch: 2, channels, out: 10 },
  ...{ height: 15 - i, width: 18 + i },
}));

for (const each of DRIVERS) {
  const { driver, subgroup, features } = each;
  describe.skipIf(!hasDriver(driver))(`on ${driver}`, () => {
    for (const [p, precision] of PRECISIONS[driver].entries()) {
      // What weights are stored as, which tile reads them and who loads them are independent.
      const tiles = tilesOn(each, p > 0);
      /** Without sharing the small tiles only. */
      const sharings = (loads: number): number[] => {
        const largest = largestSharing(loads, subgroup);
        return p === 0 && largest > 1 && loads <= 8 ? [1, largest] : [largest];
      };
      const every = (
        works: readonly Work[],
        tile: readonly number[],
        shares: readonly number[],
        kernel: (device: GPUDevice, dispatch: Dispatch, index: number) => Promise<Outcome>,
      ) =>
        withDevice(
          driver,
          async ({ device }) => {
            for (const share of shares) {
              for (const [s, work] of works.entries()) {
                const dispatch = { work, precision, tile, share, workgroup: 2 * subgroup, seed: s + 1 };
                expectRight(await kernel(device, dispatch, s), dispatch);
              }
            }
          },
          { features },
        );

      it.each(tiles.conv1x1)(`conv1x1 %i×%i pixels × quads, ${nameOf(precision)}`, (...tile) =>
        every(SHAPES, tile, sharings(4 * tile[1]), conv1x1),
      );

      it.each(tiles.transition)(`transition %i×%i pixels × quads, ${nameOf(precision)}`, (...tile) =>
        every(POOLED_SHAPES, tile, sharings(4 * tile[1]), transition),
      );

      it.each(tiles.conv3x3)(`conv3x3 %i×%i pixels × %i quads, %i rows, ${nameOf(precision)}`, (...tile) =>
        every(SHAPES, tile, sharings(4 * tile[2]), (device, dispatch) => conv3x3(device, dispatch)),
      );

      it.each(tiles.conv3x3)(`conv3x3 in place %i×%i pixels × %i quads, %i rows, ${nameOf(precision)}`, (...tile) =>
        every(SHAPES, tile, [largestSharing(4 * tile[2], subgroup)], (device, dispatch) =>
          conv3x3(device, dispatch, true),
        ),
      );

      it.each(tiles.stem)(`stem %i pixels × %i quads, ${nameOf(precision)}`, (...tile) =>
        every([...PICTURES, ...PICTURES], tile, sharings(tile[1]), (device, dispatch, index) =>
          stem(device, dispatch, index < PICTURES.length ? 7 : 3),
        ),
      );
    }
  });
}
