/**
 * The table of machines: which tiles of the convolutions suit an adapter, by its subgroups, features and precision; never
 * by its name.
 *
 * Figures are shares: multiply-adds needed among instructions issued, in the hottest loop, from the compilers of Intel's
 * Gen9 to Xe2 and AMD's GCN5 to RDNA3 (docs/kernels.md says how they are read). No tile in a row spills registers there.
 */

/** What a choice may depend on. */
export interface AdapterCaps {
  /** Lanes of the smallest and the largest subgroup; null where the adapter does not say. */
  readonly subgroup: { readonly min: number; readonly max: number } | null;
  /** The device has the feature `subgroups`. */
  readonly hasSubgroups?: boolean;
  /** The device has the feature `shader-f16`. */
  readonly hasFloat16?: boolean;
  /** The adapter says that it is software (`isFallbackAdapter`). */
  readonly isSoftware?: boolean;
}

/** How feature maps and weights are stored. */
export interface Precision {
  readonly activations: 'f32' | 'f16';
  readonly weights: 'f32' | 'f16';
}

/** Pixels × output quads of an invocation, which keeps a vec4 sum of each; and splits of the input quads, by default 1. */
export type Tile = readonly [pixels: number, quads: number, splits?: number];

/** Tiles of each kernel, and of the 3×3 that norms its source. One of each has one output quad and no splits. */
export type Tiles = Readonly<Record<'conv1x1' | 'transition' | 'conv3x3' | 'normed3x3' | 'stem', readonly Tile[]>>;

/** A row: an adapter as the choice sees it. Costs are in issue slots of a lane. */
export interface Machine {
  readonly name: string;
  /** Lanes of a workgroup, or of one split of it. */
  readonly workgroup: number;
  /** Lanes in flight that keep it busy, about. */
  readonly parallel: number;
  /** A quad that every lane loads from an address of its own, address included. */
  readonly quad: number;
  /** A matrix of weights, from one address. */
  readonly matrix: number;
  /** A turn of a loop. */
  readonly turn: number;
  /** Weights are loaded by four lanes together (parts/weights_shared.wgsl). */
  readonly isShared?: true;
  /** Products of f16 (parts/products_f16.wgsl). */
  readonly isFloat16?: true;
  readonly tiles: Tiles;
}

/**
 * Intel: 128 registers of 16 lanes hold 9 vec4 sums and what they are made of; larger tiles spill. 1×1: 2 × 4 0.81, 1 × 4
 * 0.72. 3×3: 4 × 1 0.85, 2 × 2 0.83. Transition: 1 × 8 0.68. Stem: 3 × 1 0.84.
 */
// biome-ignore format: a table, a kernel a line
const FEW_REGISTERS: Tiles = {
  conv1x1: [[2, 4], [1, 8], [2, 4, 4], [1, 4, 4], [4, 1]],
  transition: [[1, 8], [1, 8, 4], [1, 4, 4], [1, 1]],
  conv3x3: [[4, 1], [2, 2], [4, 1, 4], [2, 2, 4]],
  normed3x3: [[2, 2], [2, 1]],
  stem: [[3, 1], [2, 1]],
};

/**
 * Intel with weights in f16: each number of a weight takes a move. 1×1: 2 × 3 0.46, 2 × 4 spills; 3×3: 3 × 1 0.56 to
 * 0.57, 4 × 1 spills. Arithmetic in f16 is no faster there.
 */
// biome-ignore format: a table, a kernel a line
const FEW_REGISTERS_F16: Tiles = {
  ...FEW_REGISTERS,
  conv1x1: [[2, 3], [2, 2], [1, 4, 4], [2, 1]],
  transition: [[1, 8], [1, 4, 4], [1, 1]],
  conv3x3: [[3, 1], [2, 2], [2, 2, 4], [2, 1]],
};

/**
 * AMD: up to 16 vec4 sums, twice as many waves in flight with 8. On RDNA: 1×1: 2 × 8 0.96, 1 × 8 0.96, 1 × 4 0.92. 3×3 0.98
 * and more with all. Transition: 1 × 16 0.90, 1 × 8 0.82. Stem: 4 × 2 0.99. NVIDIA and Apple have as many registers.
 */
// biome-ignore format: a table, a kernel a line
const MANY_REGISTERS: Tiles = {
  conv1x1: [[2, 8], [1, 8], [1, 4], [1, 8, 4], [1, 4, 4], [4, 1]],
  transition: [[1, 16], [1, 8], [1, 4], [1, 8, 4], [1, 1]],
  conv3x3: [[4, 2], [4, 1], [2, 2, 4], [1, 4, 4]],
  normed3x3: [[4, 2], [4, 1], [2, 2, 4]],
  stem: [[4, 2], [4, 1]],
};

/**
 * Adreno, whose lanes load a matrix number by number: 1×1: 2 × 8 0.64, 2 × 4 0.59, 1 × 4 0.43. 3×3: 4 × 2 0.76, 4 × 1 0.71. No
 * splits: a subgroup may be larger than a split of 64 lanes.
 */
// biome-ignore format: a table, a kernel a line
const WIDE_SUBGROUPS: Tiles = {
  ...MANY_REGISTERS,
  conv1x1: [[2, 8], [2, 4], [1, 4], [4, 1]],
  transition: [[1, 16], [1, 8], [1, 4], [1, 1]],
  conv3x3: [[4, 2], [4, 1], [2, 2]],
};

/**
 * Software: a CPU's vectors, for which a load is a gather, lane by lane. Tiles are as large as compiles in reasonable time:
 * a pipeline takes 0.2 to 5 s. The family's maps have sides of 7, 14, 28 and 56.
 */
// biome-ignore format: a table, a kernel a line
const FOUR_LANES: Tiles = {
  conv1x1: [[7, 8], [7, 4], [4, 4], [4, 1]],
  transition: [[4, 8], [4, 1]],
  conv3x3: [[7, 8], [7, 4], [7, 3], [4, 1]],
  normed3x3: [[7, 4], [7, 3], [4, 1]],
  stem: [[8, 4], [4, 1]],
};

/**
 * Lavapipe, whose loads are about 58 instructions for each lane of a vector: five sixths of the time of the 3×3. Larger tiles
 * load less but are no faster: their loop's code outgrows the processor's instruction cache (7 × 1: 31 KB, 7 × 2: 50 KB).
 */
// biome-ignore format: a table, a kernel a line
const EIGHT_LANES: Tiles = {
  ...FOUR_LANES,
  conv1x1: [[4, 4], [4, 3], [4, 1]],
  transition: [[2, 8], [4, 1]],
  conv3x3: [[7, 1], [4, 1]],
  normed3x3: [[7, 1], [4, 1]],
};

const SOFTWARE = { turn: 8, quad: 48 } as const;

interface Row extends Machine {
  readonly fits: (caps: AdapterCaps, precision: Precision) => boolean;
}

/** The first row that fits is an adapter's. */
const ROWS: readonly Row[] = [
  {
    name: 'software of four lanes',
    fits: ({ isSoftware, hasSubgroups, subgroup }) =>
      isSoftware === true && hasSubgroups === true && subgroup?.max === 4,
    ...{ ...SOFTWARE, workgroup: 4, parallel: 8, matrix: 64, isShared: true, tiles: FOUR_LANES },
  },
  {
    name: 'software of eight lanes',
    fits: ({ isSoftware, hasSubgroups, subgroup }) =>
      isSoftware === true && hasSubgroups === true && subgroup?.min === 8 && subgroup.max === 8,
    ...{ ...SOFTWARE, workgroup: 8, parallel: 16, matrix: 64, isShared: true, tiles: EIGHT_LANES },
  },
  {
    name: 'software without subgroups',
    fits: ({ isSoftware }) => isSoftware === true,
    ...{ ...SOFTWARE, workgroup: 8, parallel: 16, matrix: 192, tiles: EIGHT_LANES },
  },
  {
    name: 'unknown',
    fits: ({ subgroup }) => subgroup === null,
    ...{ workgroup: 64, parallel: 4096, turn: 8, quad: 2, matrix: 7, tiles: FEW_REGISTERS },
  },
  {
    name: 'few registers, f16 weights',
    fits: ({ subgroup }, { weights }) => (subgroup?.min ?? 0) <= 16 && weights === 'f16',
    ...{ workgroup: 32, parallel: 4096, turn: 8, quad: 2, matrix: 23, tiles: FEW_REGISTERS_F16 },
  },
  {
    name: 'few registers',
    fits: ({ subgroup }) => (subgroup?.min ?? 0) <= 16,
    ...{ workgroup: 32, parallel: 4096, turn: 8, quad: 2, matrix: 7, tiles: FEW_REGISTERS },
  },
  {
    // Subgroups of 64 lanes are AMD's. DenseNet-121 takes 0.7 (RDNA) to 0.8 (GCN5) of the issue slots that it takes with
    // products of f32; that RDNA3 can issue two of those at once is not counted.
    name: 'many registers, f16 arithmetic',
    fits: ({ subgroup, hasFloat16 }, { activations, weights }) =>
      subgroup?.max === 64 && hasFloat16 === true && activations === 'f16' && weights === 'f16',
    ...{ workgroup: 64, parallel: 4096, turn: 2, quad: 1, matrix: 2, isFloat16: true, tiles: MANY_REGISTERS },
  },
  {
    // 1.2 times as fast as f32 arithmetic on maps and weights of f16, which takes a move for every number.
    name: 'wide subgroups, f16 arithmetic',
    fits: ({ subgroup, hasFloat16 }, { activations, weights }) =>
      (subgroup?.max ?? 0) > 64 && hasFloat16 === true && activations === 'f16' && weights === 'f16',
    ...{ workgroup: 64, parallel: 3072, turn: 8, quad: 6, matrix: 10, isFloat16: true, tiles: WIDE_SUBGROUPS },
  },
  {
    name: 'wide subgroups',
    fits: ({ subgroup }) => (subgroup?.max ?? 0) > 64,
    ...{ workgroup: 64, parallel: 3072, turn: 8, quad: 6, matrix: 10, tiles: WIDE_SUBGROUPS },
  },
  {
    name: 'many registers',
    fits: () => true,
    ...{ workgroup: 64, parallel: 4096, turn: 2, quad: 1, matrix: 2, tiles: MANY_REGISTERS },
  },
];

/** An adapter's row. */
export function machineFor(caps: AdapterCaps, precision: Precision): Machine {
  const row = ROWS.find(({ fits }) => fits(caps, precision));
  if (!row) throw new RangeError('the last row fits every adapter');
  const { fits, ...machine } = row;
  return machine;
}

/** Every row, for tests and reports. */
export const MACHINES: readonly Machine[] = ROWS.map(({ fits, ...machine }) => machine);
