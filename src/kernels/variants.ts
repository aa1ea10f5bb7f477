/**
 * Kernel variants: which tile of a kernel serves a shape, from the adapter's features and limits alone.
 *
 * Never from an adapter's name. Every variant computes the same; the choice is one of speed, made by a model of the
 * cost. `tune.ts` measures what the model puts first.
 */

import { type Candidate, candidatesOf, type GemmTile, type Machine, type Tiles } from './cost.js';
import type { KERNELS } from './manifest.generated.js';
import { type ConvShape, shapeKey } from './shape.js';

export type KernelName = keyof typeof KERNELS;

/** One way to compile a kernel: its `// tile` constants and its overrides. */
export interface Variant {
  readonly tile: Readonly<Record<string, number>>;
  readonly overrides: Readonly<Record<string, number>>;
  /** The source is a range of the bank that is written, so it cannot be bound read-only (nets without bottlenecks). */
  readonly inPlace?: boolean;
}

/** What the choice may depend on. */
export interface Traits {
  /** Smallest and largest subgroup, or null without the feature. */
  readonly subgroup: { readonly min: number; readonly max: number } | null;
  /** The adapter says that it is software (`isFallbackAdapter`). */
  readonly isSoftware?: boolean;
  /** Feature maps and weights are stored in f16, so that a load brings two numbers. */
  readonly halves?: boolean;
}

/** What was measured to be best: {@link shapeKey} → {@link variantKey}. A key that is no candidate's is ignored. */
export type TunedVariants = ReadonlyMap<string, string>;

const WIDE_WORKGROUP = 64;

const WIDE_GEMM: readonly GemmTile[] = [
  [4, 4],
  [4, 2],
  [2, 4],
  [2, 2],
  [2, 1],
  [1, 1],
];

/** A GPU wants some thousands of invocations in flight, so tiles are small where the map is. */
export const WIDE_TILES: Tiles = {
  conv1x1: WIDE_GEMM,
  transition: WIDE_GEMM,
  conv3x3: [
    [4, 2, 2, 3],
    [2, 2, 2, 3],
    [2, 2, 1, 3],
    [2, 1, 1, 3],
    [1, 1, 1, 3],
  ],
  stem: [
    [4, 2],
    [4, 1],
  ],
};

export const NARROW_GEMM: readonly GemmTile[] = [
  [4, 4],
  [4, 2],
  [4, 1],
];

/**
 * Software, by the lanes of its subgroups, which are a CPU's vectors; 1 where it has none, as in Firefox. A load is a
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
  4: {
    conv1x1: [[7, 8], [7, 4], ...NARROW_GEMM],
    transition: [[4, 8], ...NARROW_GEMM],
    conv3x3: [
      [7, 2, 4, 1],
      [7, 2, 3, 1],
      [7, 1, 4, 1],
      [4, 2, 2, 1],
      [4, 2, 1, 1],
    ],
    stem: NARROW_GEMM,
  },
  8: {
    conv1x1: [[4, 8], [4, 6], ...NARROW_GEMM],
    transition: [[4, 8], ...NARROW_GEMM],
    conv3x3: [
      [4, 1, 2, 1],
      [4, 1, 1, 1],
    ],
    stem: [
      [4, 8],
      [4, 2],
      [4, 1],
    ],
    text: 24,
  },
};

/** A tile further down its list must be so much cheaper: each distinct one is a pipeline more to compile. */
const PREFERENCE = 0.93;
/**
 * Slices come last where the smallest tile alone keeps every lane busy: barriers then cost, and save no time. A tuner
 * may find out that they do, since an adapter can have more lanes than the model thinks.
 */
const NEEDLESS = 1e6;

/**
 * The variants of a convolution's kernel that an adapter can run well, best first by the model.
 *
 * At least one; all are valid on an adapter with these traits.
 */
export function candidates(shape: ConvShape, traits: Traits): readonly Variant[] {
  const machine = machineOf(traits);
  const all = candidatesOf(shape, machine);
  const isFilled = all.some(({ slices, rounds }) => slices === 1 && rounds > 1);
  const normed = shape.kernel === 'conv3x3' && shape.normed;
  const norm = shape.kernel === 'conv3x3' ? { NORM: normed ? 1 : 0 } : {};
  const rank = ({ slices, cost }: Candidate, place: number) =>
    cost * PREFERENCE ** -Math.min(place, 1) * (slices > 1 && isFilled ? NEEDLESS : 1);
  return all
    .map((candidate, place) => ({ candidate, rank: rank(candidate, place) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ candidate: { tile, workgroup } }) => ({
      tile,
      overrides: { WORKGROUP: workgroup, ...norm },
      inPlace: normed,
    }));
}

/** What was measured to be best, else what the model puts first. */
export function variantFor(shape: ConvShape, traits: Traits, tuned?: TunedVariants): Variant {
  const variants = candidates(shape, traits);
  const measured = tuned?.get(shapeKey(shape));
  const variant = variants.find((each) => variantKey(shape.kernel, each) === measured) ?? variants[0];
  if (!variant) throw new RangeError(`no tile of ${shape.kernel} fits`);
  return variant;
}

/** Identifies the pipeline of a variant within one precision. */
export function variantKey(kernel: KernelName, variant: Variant): string {
  const list = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([k, v]) => `${k}=${v}`)
      .join();
  return [kernel, list(variant.tile), list(variant.overrides), variant.inPlace ? 'inPlace' : ''].join('|');
}

/** Kernels without a tile: one invocation per output. */
export function plainVariant(): Variant {
  return { tile: {}, overrides: { WORKGROUP: WIDE_WORKGROUP } };
}

/**
 * A load from a GPU's cache takes 30 to 200 cycles, of which other lanes hide a part. A CPU gains nothing by more lanes
 * than it has, and its barriers are coroutines: with the tiles and ways of a GPU DenseNet-121 takes 1.2 (SwiftShader)
 * and 2.0 (lavapipe) times as long, with weights in buffers.
 */
const GPU_WAIT = 64;

function machineOf({ subgroup, halves, isSoftware }: Traits): Machine {
  const words = halves ? 0.5 : 1;
  const machine = isSoftware ? software(subgroup) : gpu(subgroup);
  return { ...machine, load: machine.load * words, words };
}

function gpu(subgroup: Traits['subgroup']): Omit<Machine, 'words'> {
  const lanes = subgroup !== null && WIDE_WORKGROUP % subgroup.max === 0 ? subgroup.min : 1;
  return {
    ...{ workgroup: WIDE_WORKGROUP, lanes, parallel: 8192, load: 4 },
    ...{ wait: GPU_WAIT, tiles: WIDE_TILES },
  };
}

/** Lanes that share nothing, in workgroups of a CPU's usual vector. */
const ALONE = { min: 1, max: 8 };

function software(subgroup: Traits['subgroup']): Omit<Machine, 'words'> {
  const { min: lanes, max: workgroup } = subgroup && subgroup.max <= 8 ? subgroup : ALONE;
  const tiles = NARROW_TILES[lanes === 1 ? 1 : workgroup <= 4 ? 4 : 8];
  return { workgroup, lanes, parallel: 2 * workgroup, load: 12, wait: 0, tiles };
}
