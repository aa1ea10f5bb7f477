/**
 * What a tile makes of a shape, and what that costs by a model of loads, multiply-adds and lanes that run at once.
 *
 * Knows how the kernels compute; not which tiles there are, nor which adapter has which.
 */
import type { ConvShape } from './shape.js';

/** Pixels × output quads of an invocation. */
export type GemmTile = readonly [pixels: number, quads: number];
/** Columns × rows × output quads, and the rows of the filter that are computed at a time. */
export type SpatialTile = readonly [columns: number, rows: number, quads: number, tapRows: 1 | 3];
export type StemTile = readonly [columns: number, quads: number];

/** The tiles worth compiling on a kind of adapter; of two that cost about the same, the first. */
export interface Tiles {
  readonly conv1x1: readonly GemmTile[];
  readonly transition: readonly GemmTile[];
  readonly conv3x3: readonly SpatialTile[];
  readonly stem: readonly StemTile[];
  /**
   * Words of maps and norms that a loop can load before it outgrows a CPU's cache of instructions: a gather is a long text.
   */
  readonly text?: number;
}

/** How an adapter is modelled. Costs are in multiply-adds of every lane. */
export interface Machine {
  readonly workgroup: number;
  /** Lanes that can share what they load. */
  readonly lanes: number;
  /** Lanes that run at once, about. */
  readonly parallel: number;
  /** What loading one number into every lane costs. */
  readonly load: number;
  /** Loads that a number takes: half a one for f16. */
  readonly words: number;
  /** What waiting costs: for the loads of an input quad, or at a barrier. 0: a CPU, which has but one {@link Way}. */
  readonly wait: number;
  readonly tiles: Tiles;
}

/**
 * How weights come to a lane, and who computes which input quads: constants of a tile.
 *
 * SUBGROUP lanes load one each and broadcast it; with 1, every lane loads all. STAGED weight quads of each output quad
 * are loaded by the workgroup together, into its memory. SLICES share out the input quads.
 */
type Way = Readonly<Partial<Record<'SUBGROUP' | 'STAGED' | 'SLICES', number>>>;

/** A tile and what it makes of a shape. */
interface Tiling {
  readonly tile: Readonly<Record<string, number>>;
  readonly pixels: number;
  readonly quads: number;
  /** Invocations of the dispatch, per output tile and slice. */
  readonly invocations: number;
  /** What a turn of the loop loads: numbers of the source, norms, and numbers of weights for each output quad. */
  readonly inputs: number;
  readonly norms?: number;
  readonly weights: number;
  /** Turns for each input quad (stem: and row of the filter), by default one. */
  readonly turns?: number;
}

/** A tile in one of its ways. */
export interface Candidate {
  readonly tile: Readonly<Record<string, number>>;
  /** Lanes of a slice. */
  readonly workgroup: number;
  readonly slices: number;
  /** How often the lanes that run at once are filled, the last time maybe in part. */
  readonly rounds: number;
  readonly cost: number;
}

/** The most invocations of a workgroup on every adapter (WebGPU, section 3.6.2). */
const MAX_INVOCATIONS = 256;
/** Two slices save too little; with sixteen, the lanes of a slice still load 256 bytes in a row. */
const SLICES = [4, 8, 16];
/** Sums of a lane that are worth two barriers each; a map that fills larger tiles needs no slices. */
const MAX_SLICED_SUMS = 4;
/** The weights of an input quad's nine taps, or of nine input quads. */
const STAGED = 36;

/** The machine's tiles in all their ways, without those of which half would lie outside the output. */
export function candidatesOf(shape: ConvShape, machine: Machine): Candidate[] {
  return tilingsOf(shape, machine)
    .filter(({ quads }) => quads < 2 * shape.outQuads)
    .flatMap((tiling) => waysOf(shape, machine, tiling).map((way) => candidateOf(shape, machine, tiling, way)));
}

function waysOf({ kernel }: ConvShape, { lanes, wait }: Machine, { pixels, quads }: Tiling): Way[] {
  const isStem = kernel === 'stem';
  const shared = { SUBGROUP: powerOfTwo(isStem ? quads : 4 * quads, lanes) };
  if (!wait) return [shared];
  const alone = { SUBGROUP: 1 };
  const ways: Way[] = shared.SUBGROUP > 1 ? [shared, alone] : [alone];
  if (!isStem) ways.push({ ...alone, STAGED });
  if (!isStem && pixels * quads <= MAX_SLICED_SUMS) ways.push(...SLICES.map((SLICES) => ({ ...alone, SLICES })));
  return ways;
}

function candidateOf(shape: ConvShape, machine: Machine, tiling: Tiling, way: Way): Candidate {
  const { SUBGROUP: sharing = 1, STAGED: staged, SLICES: slices = 1 } = way;
  const { tile, pixels, quads, invocations, inputs, norms = 0, weights, turns = 1 } = tiling;
  const { parallel, load, words, wait, tiles } = machine;
  const sums = pixels * quads;
  const workgroup = slices > 1 ? MAX_INVOCATIONS / slices : machine.workgroup;
  const groups = Math.ceil(invocations / workgroup) * Math.ceil(shape.outQuads / quads);
  const rounds = Math.ceil((groups * workgroup * slices) / parallel);
  // From workgroup memory a weight costs what it does from the cache: on many GPUs they are one.
  const loads = inputs + (8 * norms) / (sharing < 4 ? 1 : Math.min(sharing, 8));
  const barriers = staged ? (2 * weights) / (4 * staged) : 0;
  const loading = load * (loads + (weights * quads) / sharing);
  const turn =
    (loading + weights * sums) * Math.max(1, (loads * words) / (tiles.text ?? Number.POSITIVE_INFINITY)) +
    wait * (1 + barriers);
  const addition = slices > 1 ? sums * (2 * wait + 4 * load * slices) : 0;
  const cost = rounds * (Math.ceil(shape.inQuads / slices) * turns * turn + addition);
  return { tile: { ...tile, ...way }, workgroup, slices, rounds, cost };
}

function tilingsOf(shape: ConvShape, { tiles }: Machine): Tiling[] {
  const { kernel, batch, width, height } = shape;
  switch (kernel) {
    case 'conv1x1':
    case 'transition':
      return tiles[kernel].map(([pixels, quads]) => ({
        tile: { TILE_PIXELS: pixels, TILE_QUADS: quads },
        pixels,
        quads,
        invocations: Math.ceil((batch * width * height) / pixels),
        inputs: (kernel === 'transition' ? 16 : 4) * pixels,
        norms: 1,
        weights: 16,
      }));
    case 'conv3x3': {
      const norms = Number(shape.normed);
      return tiles.conv3x3.map(([columns, rows, quads, tapRows]) => ({
        tile: { TILE_X: columns, TILE_Y: rows, TILE_QUADS: quads, TAP_ROWS: tapRows },
        pixels: columns * rows,
        quads,
        invocations: batch * Math.ceil(width / columns) * Math.ceil(height / rows),
        inputs: 4 * (columns + 2) * (rows + tapRows - 1),
        norms,
        weights: 48 * tapRows,
        turns: 3 / tapRows,
      }));
    }
    case 'stem': {
      const { size, stride, channels } = shape;
      return tiles.stem.map(([columns, quads]) => ({
        tile: { KERNEL: size, STRIDE: stride, CHANNELS: channels, TILE_X: columns, TILE_QUADS: quads },
        pixels: columns,
        quads,
        invocations: batch * height * Math.ceil(width / columns),
        inputs: channels * (columns * stride + size - stride),
        weights: 4 * size * channels,
      }));
    }
  }
}

/** The largest power of two that divides `value` and is no more than `limit`. */
function powerOfTwo(value: number, limit: number): number {
  let power = 1;
  while (value % (2 * power) === 0 && 2 * power <= limit) power *= 2;
  return power;
}
