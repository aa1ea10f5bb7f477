/**
 * Kernel variants: which tile of a kernel serves a shape, from the adapter's features and limits alone.
 *
 * Never from an adapter's name. Every variant computes the same; the choice is one of speed, made by a model of the
 * cost. `tune.ts` measures what the model puts first.
 */

import type { KERNELS } from './kernels.generated.js';

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
  readonly isFallback?: boolean;
  /** Feature maps and weights are stored in f16, so that a load brings two numbers. */
  readonly halves?: boolean;
}

/** A convolution that has tiles: its output, and what else a tile's cost depends on. */
export type ConvShape = {
  readonly batch: number;
  readonly width: number;
  readonly height: number;
  readonly outQuads: number;
} & (
  | { readonly kernel: 'conv1x1' | 'transition' }
  | { readonly kernel: 'conv3x3'; readonly normed: boolean }
  | { readonly kernel: 'stem'; readonly size: number; readonly stride: number; readonly channels: number }
);

/** What was measured to be best: {@link shapeKey} → {@link variantKey}. A key that is no candidate's is ignored. */
export type TunedVariants = ReadonlyMap<string, string>;

/** Identifies what a measurement is good for: steps with equal keys are tuned together. */
export function shapeKey({ kernel, batch, width, height, outQuads, ...rest }: ConvShape): string {
  const special = Object.values(rest).map(Number).join('-');
  return `${kernel} ${batch}×${height}×${width}→${outQuads}${special && ` ${special}`}`;
}

/** Pixels × output quads of an invocation. */
type GemmTile = readonly [pixels: number, quads: number];
/** Columns × rows × output quads, and the rows of the filter that are computed at a time. */
type SpatialTile = readonly [columns: number, rows: number, quads: number, tapRows: 1 | 3];
type StemTile = readonly [columns: number, quads: number];

/** The tiles worth compiling on a kind of adapter; of two that cost about the same, the first. */
export interface Tiles {
  readonly conv1x1: readonly GemmTile[];
  readonly transition: readonly GemmTile[];
  readonly conv3x3: readonly SpatialTile[];
  readonly stem: readonly StemTile[];
}

/** How an adapter is modelled. */
interface Machine {
  readonly workgroup: number;
  /** Lanes that can share what they load. */
  readonly lanes: number;
  /** Workgroups that run at once, about. */
  readonly parallel: number;
  /** What loading one word into every lane costs, in multiply-adds of every lane. */
  readonly load: number;
  /** Words that a loop can load before it outgrows the cache of instructions: a CPU's gather is a long text. */
  readonly text: number;
  readonly tiles: Tiles;
}

/** A tile and what it makes of a shape, per input quad (stem: and row of the filter). */
interface Candidate {
  readonly tile: Readonly<Record<string, number>>;
  readonly quads: number;
  /** Invocations of the dispatch, per output tile. */
  readonly invocations: number;
  /** Words, if each brings one number. */
  readonly loads: number;
  /** Those of the innermost loop. */
  readonly body: number;
  readonly multiplies: number;
}

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

const NARROW_GEMM: readonly GemmTile[] = [
  [4, 4],
  [4, 2],
  [4, 1],
];

/**
 * For software, by the lanes of its subgroups, which are a CPU's vectors; 1 where it has none, as in Firefox. A load is a
 * gather, lane by lane, so tiles are as large as compiles in reasonable time: few ones, since each that is used takes
 * 0.2 to 5 s. The family's maps have sides of 7, 14, 28 and 56.
 */
export const NARROW_TILES: Readonly<Record<1 | 4 | 8, Tiles>> = {
  1: {
    conv1x1: [
      [7, 1],
      [4, 1],
    ],
    transition: [[4, 8], ...NARROW_GEMM],
    conv3x3: [
      [14, 1, 1, 1],
      [7, 1, 2, 1],
      [7, 1, 1, 1],
      [4, 1, 1, 1],
    ],
    stem: [
      [8, 2],
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
    conv1x1: [[5, 4], [7, 4], [4, 6], ...NARROW_GEMM],
    transition: [[4, 16], [4, 8], ...NARROW_GEMM],
    conv3x3: [
      [4, 1, 2, 1],
      [7, 1, 2, 1],
      [4, 1, 1, 1],
    ],
    stem: [[8, 8], ...NARROW_GEMM],
  },
};

/**
 * Measured with lanes of 8 (GFLOP/s, words in the loop): 3×3 at 4×1×2 59 (36), 6×1×2 46 (44), 7×1×2 38 (48), in f16 95
 * (24). With lanes of 4 loops of 120 words are best.
 */
const NARROW_TEXT: Readonly<Record<1 | 4 | 8, number>> = {
  1: Number.POSITIVE_INFINITY,
  4: Number.POSITIVE_INFINITY,
  8: 38,
};

/** A tile further down its list must be so much cheaper: each distinct one is a pipeline more to compile. */
const PREFERENCE = 0.93;

/**
 * The variants of a convolution's kernel that an adapter can run well, best first by the model.
 *
 * At least one; all are valid on an adapter with these traits.
 */
export function candidates(shape: ConvShape, traits: Traits): readonly Variant[] {
  const machine = machineOf(traits);
  const words = traits.halves ? 0.5 : 1;
  const cost = ({ quads, invocations, loads, body, multiplies }: Candidate) => {
    const groups = Math.ceil(invocations / machine.workgroup) * Math.ceil(shape.outQuads / quads);
    const overflow = Math.max(1, (words * body) / machine.text);
    return Math.ceil(groups / machine.parallel) * (machine.load * words * loads + multiplies) * overflow;
  };
  const normed = shape.kernel === 'conv3x3' && shape.normed;
  const overrides = {
    WORKGROUP: machine.workgroup,
    ...(shape.kernel === 'conv3x3' ? { NORM: normed ? 1 : 0 } : {}),
  };
  return candidatesOf(shape, machine)
    .filter(({ quads }) => quads < 2 * shape.outQuads)
    .map((candidate, place) => ({ candidate, cost: cost(candidate) * PREFERENCE ** -Math.min(place, 1) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ candidate: { tile } }) => ({ tile, overrides, ...(normed ? { inPlace: true } : {}) }));
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

function machineOf({ subgroup, isFallback = false }: Traits): Machine {
  const width = narrowWidth(subgroup, isFallback);
  if (width !== null) {
    const { min: lanes, max: workgroup } = subgroup ?? ALONE;
    return { workgroup, lanes, parallel: 2, load: 12, text: NARROW_TEXT[width], tiles: NARROW_TILES[width] };
  }
  const lanes = subgroup !== null && WIDE_WORKGROUP % subgroup.max === 0 ? subgroup.min : 1;
  return {
    workgroup: WIDE_WORKGROUP,
    lanes,
    parallel: 128,
    load: 4,
    text: Number.POSITIVE_INFINITY,
    tiles: WIDE_TILES,
  };
}

/** Lanes that share nothing, in workgroups of a CPU's usual vector. */
const ALONE = { min: 1, max: 8 };

/** The key of a CPU in {@link NARROW_TILES}; null for GPUs. */
function narrowWidth(subgroup: Traits['subgroup'], isFallback: boolean): keyof typeof NARROW_TILES | null {
  if (!isFallback) return null;
  if (subgroup === null || subgroup.max > 8) return 1;
  return subgroup.max <= 4 ? 4 : 8;
}

function candidatesOf(shape: ConvShape, { lanes, tiles }: Machine): Candidate[] {
  switch (shape.kernel) {
    case 'conv1x1':
    case 'transition':
      return tiles[shape.kernel].map(([pixels, quads]) => {
        const sharing = powerOfTwo(4 * quads, lanes);
        const reads = shape.kernel === 'transition' ? 16 : 4;
        const loads = reads * pixels + (16 * quads) / sharing + normLoads(sharing);
        return {
          tile: { TILE_PIXELS: pixels, TILE_QUADS: quads, SUBGROUP: sharing },
          quads,
          invocations: Math.ceil((shape.batch * shape.width * shape.height) / pixels),
          loads,
          body: loads,
          multiplies: 16 * pixels * quads,
        };
      });
    case 'conv3x3':
      return tiles.conv3x3.map(([columns, rows, quads, tapRows]) => {
        const sharing = powerOfTwo(4 * quads, lanes);
        const bands = 3 / tapRows;
        const inputs = 4 * (columns + 2) * (rows + tapRows - 1) + (shape.normed ? normLoads(sharing) : 0);
        const body = inputs + (48 * tapRows * quads) / sharing;
        return {
          tile: { TILE_X: columns, TILE_Y: rows, TILE_QUADS: quads, TAP_ROWS: tapRows, SUBGROUP: sharing },
          quads,
          invocations: shape.batch * Math.ceil(shape.width / columns) * Math.ceil(shape.height / rows),
          loads: bands * body,
          body,
          multiplies: 144 * columns * rows * quads,
        };
      });
    case 'stem':
      return tiles.stem.map(([columns, quads]) => {
        const sharing = powerOfTwo(quads, lanes);
        const { size, stride, channels } = shape;
        const loads = channels * (columns * stride + size - stride + (4 * size * quads) / sharing);
        return {
          tile: {
            KERNEL: size,
            STRIDE: stride,
            CHANNELS: channels,
            TILE_X: columns,
            TILE_QUADS: quads,
            SUBGROUP: sharing,
          },
          quads,
          invocations: shape.batch * shape.height * Math.ceil(shape.width / columns),
          loads,
          body: loads,
          multiplies: 4 * size * channels * columns * quads,
        };
      });
  }
}

/** Two vectors of four floats, shared by four lanes where lanes share. */
const normLoads = (sharing: number): number => (sharing >= 4 ? 2 : 8);

/** The largest power of two that divides `value` and is no more than `limit`. */
function powerOfTwo(value: number, limit: number): number {
  let power = 1;
  while (value % (2 * power) === 0 && 2 * power <= limit) power *= 2;
  return power;
}
