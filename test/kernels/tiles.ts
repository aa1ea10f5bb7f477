/** What the kernel tests run on, and every tile they run: those that `src/plan/variants.ts` can choose, and odd ones. */
import type { Precision } from '../../src/plan/source.js';

/** `subgroup`: the driver's only subgroup size. lavapipe is the one with f16. */
export const DRIVERS = [
  { driver: 'swiftshader', subgroup: 4, features: ['subgroups'] },
  { driver: 'lavapipe', subgroup: 8, features: ['subgroups', 'shader-f16'] },
] as const;

export type Driver = (typeof DRIVERS)[number];

const F32: Precision = { activations: 'f32', weights: 'f32' };
const F16: Precision = { activations: 'f16', weights: 'f16' };

/** The precisions that a driver is tested in with every tile; the first also without shared weights. */
export const PRECISIONS: Readonly<Record<Driver['driver'], readonly Precision[]>> = {
  swiftshader: [F32, { activations: 'f32', weights: 'f16' }],
  lavapipe: [F16, { activations: 'f16', weights: 'f32' }],
};

/** Pixels × output quads of `conv1x1` and `transition`. */
export const GEMM_TILES = [
  [4, 4],
  [4, 2],
  [2, 4],
  [2, 2],
  [2, 1],
  [1, 1],
  [3, 3],
] as const;

/** Columns × rows × output quads of `conv3x3`. */
export const SPATIAL_TILES = [
  [4, 2, 2],
  [2, 2, 2],
  [2, 2, 1],
  [2, 1, 1],
  [1, 1, 1],
  [3, 2, 1],
] as const;

/** Columns × output quads of `stem`. */
export const STEM_TILES = [
  [4, 4],
  [4, 3],
  [4, 2],
  [4, 1],
  [3, 1],
] as const;

export const nameOf = ({ activations, weights }: Precision): string => `${activations} maps, ${weights} weights`;

/** Lanes that share weights: the most that divide the loads and that a subgroup has. */
export const largestSharing = (quads: number, subgroup: number): number =>
  [8, 4, 2].find((lanes) => (4 * quads) % lanes === 0 && lanes <= subgroup) ?? 1;
