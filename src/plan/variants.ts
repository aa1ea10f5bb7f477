/**
 * Kernel variants: which tile of a kernel serves a shape, from the adapter's features and limits alone.
 *
 * Never from an adapter's name. Every variant computes the same; the choice is one of speed.
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
}

/** The shape of one convolution's work. */
export interface ConvShape {
  /** Output pixels of the whole batch. */
  readonly pixels: number;
  readonly outQuads: number;
}

/**
 * An adapter whose subgroups never exceed 8 lanes runs them on a CPU's vector unit: it wants as much work per
 * invocation as fits in registers, and workgroups of one subgroup, since more lanes bring no parallelism.
 */
const isNarrow = (traits: Traits): boolean => traits.subgroup !== null && traits.subgroup.max <= 8;

/** Invocations that a wide adapter should have in flight before tiles grow. */
const WIDE_INVOCATIONS = 8192;

const WIDE_WORKGROUP = 64;

/** Tiles of pixels × output quads, largest first. */
const GEMM_TILES = [
  [4, 4],
  [4, 2],
  [2, 4],
  [2, 2],
  [2, 1],
  [1, 1],
] as const;

/** Tiles of columns × rows × output quads, largest first. */
const SPATIAL_TILES = [
  [4, 2, 2],
  [2, 2, 2],
  [2, 2, 1],
  [2, 1, 1],
  [1, 1, 1],
] as const;

export function gemmVariant(shape: ConvShape, traits: Traits): Variant {
  const invocations = ([m, n]: readonly [number, number]) =>
    Math.ceil(shape.pixels / m) * Math.ceil(shape.outQuads / n);
  const tiles = GEMM_TILES.filter(([, n]) => n <= shape.outQuads);
  const tile = isNarrow(traits) ? tiles[0] : tiles.find((t) => invocations(t) >= WIDE_INVOCATIONS);
  const [pixels, quads] = tile ?? [1, 1];
  const subgroup = sharing(4 * quads, traits);
  return {
    tile: { TILE_PIXELS: pixels, TILE_QUADS: quads, SUBGROUP: subgroup },
    overrides: { WORKGROUP: workgroup(traits) },
  };
}

export function spatialVariant(shape: ConvShape, traits: Traits, normed: boolean): Variant {
  const invocations = ([x, y, n]: readonly [number, number, number]) =>
    Math.ceil(shape.pixels / (x * y)) * Math.ceil(shape.outQuads / n);
  const tiles = SPATIAL_TILES.filter(([, , n]) => n <= shape.outQuads);
  const tile = isNarrow(traits) ? tiles[0] : tiles.find((t) => invocations(t) >= WIDE_INVOCATIONS);
  const [x, y, quads] = tile ?? [1, 1, 1];
  return {
    tile: { TILE_X: x, TILE_Y: y, TILE_QUADS: quads, SUBGROUP: sharing(4 * quads, traits) },
    overrides: { WORKGROUP: workgroup(traits), NORM: normed ? 1 : 0 },
    ...(normed ? { inPlace: true } : {}),
  };
}

export function stemVariant(
  kernel: number,
  stride: number,
  channels: number,
  outQuads: number,
  traits: Traits,
): Variant {
  const quads = Math.min(isNarrow(traits) ? 4 : 2, outQuads);
  return {
    tile: { KERNEL: kernel, STRIDE: stride, CHANNELS: channels, TILE_X: 4, TILE_QUADS: quads },
    overrides: { WORKGROUP: workgroup(traits) },
  };
}

/** Kernels without a tile: one invocation per output. */
export function plainVariant(): Variant {
  return { tile: {}, overrides: { WORKGROUP: WIDE_WORKGROUP } };
}

const workgroup = (traits: Traits): number => (isNarrow(traits) ? (traits.subgroup?.max ?? 1) : WIDE_WORKGROUP);

/** Lanes that share `loads` weight quads: the largest power of two that divides them and every subgroup covers. */
function sharing(loads: number, traits: Traits): number {
  if (traits.subgroup === null || workgroup(traits) % traits.subgroup.max !== 0) return 1;
  let lanes = 1;
  while (loads % (2 * lanes) === 0 && 2 * lanes <= traits.subgroup.min) lanes *= 2;
  return lanes;
}
