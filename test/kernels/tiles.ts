/** What the kernel tests run on, and every tile they run: those that `src/plan/variants.ts` can choose, and odd ones. */

import type { Tiles } from '../../src/kernels/cost.js';
import type { Precision } from '../../src/kernels/source.js';
import { NARROW_TILES, WIDE_TILES } from '../../src/kernels/variants.js';

/** `subgroup`: the driver's only subgroup size. */
export const DRIVERS = [
  { driver: 'swiftshader', subgroup: 4, features: ['subgroups'] },
  { driver: 'lavapipe', subgroup: 8, features: ['subgroups'] },
] as const;

export type Driver = (typeof DRIVERS)[number];

const F32: Precision = { activations: 'f32', weights: 'f32' };
const F16: Precision = { activations: 'f16', weights: 'f16' };

/** The precisions that a driver is tested in with every tile; the first also without shared weights. */
export const PRECISIONS: Readonly<Record<Driver['driver'], readonly Precision[]>> = {
  swiftshader: [F32, { activations: 'f32', weights: 'f16' }],
  lavapipe: [F16, { activations: 'f16', weights: 'f32' }],
};

type Lists = Omit<Required<Tiles>, 'text'>;

const ODD: Lists = {
  conv1x1: [[3, 3]],
  transition: [[3, 3]],
  conv3x3: [[3, 2, 1, 1]],
  stem: [[3, 3]],
};

/**
 * Every tile that a driver's adapter can be given, and odd ones; those of other adapters on SwiftShader alone,
 * which compiles faster. With `few`, enough to tell storage apart: a pipeline takes up to 2 s to compile.
 */
export function tilesOn({ driver, subgroup }: Driver, few = false): Lists {
  const own = NARROW_TILES[subgroup];
  const others = driver === 'swiftshader' ? [NARROW_TILES[1], WIDE_TILES] : [];
  const lists = few ? [ODD] : [own, ...others, ODD];
  return {
    conv1x1: distinct(lists.flatMap(({ conv1x1 }) => conv1x1)),
    transition: distinct(lists.flatMap(({ transition }) => transition)),
    conv3x3: distinct(lists.flatMap(({ conv3x3 }) => conv3x3)),
    stem: distinct(lists.flatMap(({ stem }) => stem)),
  };
}

const distinct = <T extends readonly number[]>(tiles: readonly T[]): T[] => [
  ...new Map(tiles.map((tile) => [tile.join(), tile])).values(),
];

export const nameOf = ({ activations, weights }: Precision): string => `${activations} maps, ${weights} weights`;

/** Lanes that share `loads`: the most that divide them and that a subgroup has. */
export const largestSharing = (loads: number, subgroup: number): number =>
  [8, 4, 2].find((lanes) => loads % lanes === 0 && lanes <= subgroup) ?? 1;

/** A wide tile in one of the ways that go through workgroup memory. */
export interface WayCase {
  readonly tile: readonly number[];
  readonly way: Readonly<Record<string, number>>;
  /** Lanes: with slices a workgroup has 256 invocations. */
  readonly workgroup: number;
}

/**
 * Every tile with staged weights, and every one that can be sliced, in turn by 4, 8 and 16: what a tile sums and how
 * many add it up are independent. With `few`, the smallest tile in both ways.
 */
export function wayCases(kernel: 'conv1x1' | 'transition' | 'conv3x3', few = false): WayCase[] {
  const tiles: readonly (readonly number[])[] = WIDE_TILES[kernel];
  const isSpatial = kernel === 'conv3x3';
  const sums = ([a = 1, b = 1, c = 1]: readonly number[]) => (isSpatial ? a * b * c : a * b);
  const staged = tiles.map((tile) => ({ tile, way: { STAGED: 36 }, workgroup: 64 }));
  const sliced = tiles
    .filter((tile) => sums(tile) <= 4)
    .map((tile, i) => ({ tile, way: { SLICES: 4 << (i % 3) }, workgroup: 64 >> (i % 3) }));
  return few ? [...staged.slice(-1), ...sliced.slice(-1)] : [...staged, ...sliced];
}
