/** What the kernel tests run: every variant that a row of the table of machines can choose, on the drivers that can run it. */
import { type AdapterCaps, MACHINES, machineFor, type Precision } from '../../src/kernels/machines.js';
import type { ConvShape } from '../../src/kernels/shape.js';
import { candidates, type Variant, variantKey } from '../../src/kernels/variants.js';

/** `subgroup`: the driver's only subgroup size. */
export const DRIVERS = [
  { driver: 'swiftshader', subgroup: 4, features: ['subgroups'] },
  { driver: 'lavapipe', subgroup: 8, features: ['subgroups', 'shader-f16'] },
] as const;

export const F32: Precision = { activations: 'f32', weights: 'f32' };
export const F16: Precision = { activations: 'f16', weights: 'f16' };
/** Every way to store maps and weights. */
export const PRECISIONS: readonly Precision[] = [
  F32,
  F16,
  { activations: 'f32', weights: 'f16' },
  { activations: 'f16', weights: 'f32' },
];

export const nameOf = ({ activations, weights }: Precision): string => `${activations} maps, ${weights} weights`;

const same = (lanes: number) => ({ min: lanes, max: lanes });

/** Adapters of every row: software of 4 and 8 lanes and without subgroups; Intel's, AMD's, NVIDIA's, Qualcomm's and unknown ones. */
export const CAPS: readonly AdapterCaps[] = [
  { subgroup: same(4), hasSubgroups: true, isSoftware: true },
  { subgroup: same(8), hasSubgroups: true, isSoftware: true },
  { subgroup: null, isSoftware: true },
  { subgroup: null },
  { subgroup: { min: 8, max: 32 }, hasSubgroups: true, hasFloat16: true },
  { subgroup: { min: 32, max: 64 }, hasSubgroups: true, hasFloat16: true },
  { subgroup: same(32), hasSubgroups: true, hasFloat16: true },
  { subgroup: { min: 64, max: 128 }, hasSubgroups: true, hasFloat16: true },
  { subgroup: { min: 32, max: 64 } },
];

/** Rows that {@link CAPS} do not reach; none, or some variants are not tested. */
export const unreachedRows = (): string[] => {
  const reached = new Set(CAPS.flatMap((caps) => PRECISIONS.map((precision) => machineFor(caps, precision).name)));
  return MACHINES.map(({ name }) => name).filter((name) => !reached.has(name));
};

type Kernel = ConvShape['kernel'];
type Special = Partial<{ normed: boolean; size: number; stride: number; channels: number }>;

/** All variants of a kernel over all adapters, each once. Many output quads, so that no tile is left out. */
export function variantsOf(kernel: Kernel, precision: Precision, special: Special = {}): readonly Variant[] {
  const { normed = false, size = 7, stride = 2, channels = 3 } = special;
  const base = { batch: 1, width: 56, height: 56, outQuads: 64, inQuads: 64 };
  const shape: ConvShape =
    kernel === 'stem'
      ? { ...base, kernel, size, stride, channels }
      : kernel === 'conv3x3'
        ? { ...base, kernel, normed }
        : { ...base, kernel };
  const all = CAPS.flatMap((caps) => candidates(shape, caps, precision));
  return [...new Map(all.map((variant) => [variantKey(kernel, variant), variant])).values()];
}

/** Whether a variant can run on a driver, and whether it is worth the time there: each needs one driver. */
export function runsOn(
  { tile, parts = [] }: Variant,
  { driver, subgroup, features }: (typeof DRIVERS)[number],
): boolean {
  const needsFloat16 = parts.includes('products_f16');
  if (needsFloat16 && !features.some((feature) => feature === 'shader-f16')) return false;
  const isWhole = (tile.WORKGROUP ?? 0) % subgroup === 0;
  if (parts.includes('split_k') && !isWhole) return false;
  // What both can run is run where it compiles faster.
  return driver === 'swiftshader' || needsFloat16 || tile.WORKGROUP === 8;
}

export const titleOf = ({ tile, parts = [] }: Variant): string =>
  [...Object.entries(tile).map(([name, value]) => `${name}=${value}`), ...parts].join(' ');
