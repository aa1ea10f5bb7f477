/**
 * Which tiles software is given, and how it is modelled: a CPU's vectors, which pay for loads one lane at a time. Part of
 * the file apart that `gpu/software.ts` is.
 */
import type { Tiles } from './cost.js';
import { areFour, FOUR_LANES, NARROW_GEMM, type Texels, type Traits } from './variants.js';

/**
 * For software, by the lanes of its subgroups, which are a CPU's vectors; 1 where it has none, as in Firefox. A load is a
 * gather, lane by lane, so tiles are as large as compiles in reasonable time: few ones, since each that is used takes
 * 0.2 to 5 s. The family's maps have sides of 7, 14, 28 and 56.
 */
export const NARROW_TILES: Readonly<Record<1 | 4 | 8, Tiles>> = {
  1: {
    conv1x1: [
      [7, 4],
      [5, 4],
      [7, 1],
    ],
    transition: [[4, 8], ...NARROW_GEMM],
    conv3x3: [
      [14, 1, 2, 1],
      [7, 1, 4, 1],
      [7, 1, 2, 1],
      [7, 1, 1, 1],
      [4, 1, 1, 1],
    ],
    stem: [
      [8, 4],
      [4, 2],
      [4, 1],
    ],
  },
  4: FOUR_LANES.machine.tiles,
  8: {
    conv1x1: [[7, 8], [5, 8], [4, 8], [5, 4], [4, 6], ...NARROW_GEMM],
    transition: [[2, 16], [4, 8], ...NARROW_GEMM],
    conv3x3: [
      [4, 1, 2, 1],
      [4, 1, 1, 1],
    ],
    winograd: [
      [7, 8],
      [7, 6],
      [4, 4],
      [2, 2],
    ],
    stem: [
      [8, 8],
      [4, 2],
      [4, 1],
    ],
    // GFLOP/s of 1×1 (words in the loop), its source in a buffer: 4×8 66 (18), 5×8 71 (22), 6×8 56 (26). With lanes of 4 loops
    // of 120 words are best.
    text: 24,
  },
};

/** What a number of a texel costs software, for one of a buffer. */
const TEXEL = 0.5;

/** Lanes that share nothing, in workgroups of a CPU's usual vector. */
const ALONE = { min: 1, max: 8 };

/** An adapter's traits when it is software. */
export function softwareTraits(traits: Traits, texels?: Texels): Traits {
  const { subgroup } = traits;
  if (areFour(subgroup)) return { ...traits, software: FOUR_LANES };
  const { min: lanes, max: workgroup } = subgroup && subgroup.max <= 8 ? subgroup : ALONE;
  const tiles = NARROW_TILES[lanes === 1 ? 1 : workgroup <= 4 ? 4 : 8];
  return {
    ...traits,
    software: {
      machine: { workgroup, lanes, parallel: 2 * workgroup, load: 12, weight: texels ? TEXEL : 1, wait: 0, tiles },
      texels,
      isWinograd: texels !== undefined && lanes === 8,
    },
  };
}
