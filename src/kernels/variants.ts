/**
 * Kernel variants: which tile of a kernel serves a shape, from the adapter's features and limits alone.
 *
 * Every variant computes the same; the choice is one of speed, made by a model of the cost. `load({ tune })` measures what
 * the model puts first.
 */

import { costOf } from './cost.js';
import { type AdapterCaps, type Machine, machineFor, type Precision, type Tile } from './machines.js';
import type { KERNELS, PARTS } from './manifest.generated.js';
import { type ConvShape, shapeKey } from './shape.js';

export type KernelName = keyof typeof KERNELS;
export type PartName = keyof typeof PARTS;

/** One way to compile a kernel. */
export interface Variant {
  /** Constants that stand ahead of the text. */
  readonly tile: Readonly<Record<string, number>>;
  readonly overrides: Readonly<Record<string, number>>;
  /** Files of shaders/parts that it is joined with, besides those of the storage. */
  readonly parts?: readonly PartName[];
  /** The source is a range of the bank that is written, so it cannot be bound read-only (nets without bottlenecks). */
  readonly inPlace?: boolean;
}

/** What was measured to be best: {@link shapeKey} → {@link variantKey}. A key that is no candidate's is ignored. */
export type TunedVariants = ReadonlyMap<string, string>;

/** The most invocations of a workgroup on every adapter (WebGPU, section 3.6.2). */
const MAX_INVOCATIONS = 256;
const PLAIN_WORKGROUP = 64;
/** Another tile than the first must be so much cheaper: each that is used is a pipeline more to compile. */
const PREFERENCE = 0.95;

/**
 * The variants of a convolution's kernel that an adapter can run well, best first by the model.
 *
 * At least one; all are valid on an adapter with these features.
 */
export function candidates(shape: ConvShape, caps: AdapterCaps, precision: Precision): readonly Variant[] {
  const machine = machineFor(caps, precision);
  const tiles = machine.tiles[shape.kernel === 'conv3x3' && shape.normed ? 'normed3x3' : shape.kernel];
  return tiles
    .filter((tile) => fits(tile, shape, caps, machine))
    .map((tile, i) => ({ tile, cost: costOf(shape, machine, tile) * (i === 0 ? PREFERENCE : 1) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ tile }) => variantOf(shape, tile, machine));
}

/** Half of a tile's output quads exist; and splits are whole subgroups, so that a subgroup has one split's addresses. */
function fits(
  [, quads, splits = 1]: Tile,
  { outQuads }: ConvShape,
  { hasSubgroups, subgroup }: AdapterCaps,
  { workgroup }: Machine,
): boolean {
  if (quads >= 2 * outQuads) return false;
  if (splits === 1) return true;
  const isWhole = subgroup !== null && workgroup % subgroup.max === 0;
  return hasSubgroups === true && isWhole && workgroup * splits <= MAX_INVOCATIONS;
}

function variantOf(
  shape: ConvShape,
  [pixels, quads, splits = 1]: Tile,
  { workgroup, isShared, isFloat16 }: Machine,
): Variant {
  const tile = { TILE_PIXELS: pixels, TILE_QUADS: quads, WORKGROUP: workgroup };
  if (shape.kernel === 'stem') {
    const { size, stride, channels } = shape;
    const parts: PartName[] = [isShared ? 'tap_shared' : 'tap_alone'];
    return { overrides: {}, tile: { ...tile, KERNEL: size, STRIDE: stride, CHANNELS: channels }, parts };
  }
  const inPlace = shape.kernel === 'conv3x3' && shape.normed;
  const parts: PartName[] = [
    isFloat16 ? 'products_f16' : 'products_f32',
    isShared ? 'weights_shared' : 'weights_alone',
    isShared ? 'norm_shared' : 'norm_alone',
    splits > 1 ? 'split_k' : 'whole_k',
  ];
  if (shape.kernel === 'conv3x3') parts.push(inPlace ? 'normed' : 'bordered');
  return { overrides: {}, tile: { ...tile, SPLIT_K: splits }, parts, inPlace };
}

/** What was measured to be best, else what the model puts first. */
export function variantFor(shape: ConvShape, caps: AdapterCaps, precision: Precision, tuned?: TunedVariants): Variant {
  const variants = candidates(shape, caps, precision);
  const measured = tuned?.get(shapeKey(shape));
  const variant = variants.find((each) => variantKey(shape.kernel, each) === measured) ?? variants[0];
  if (!variant) throw new RangeError(`no tile of ${shape.kernel} fits`);
  return variant;
}

/** Identifies the pipeline of a variant within one precision. */
export function variantKey(kernel: KernelName, { tile, overrides, parts = [] }: Variant): string {
  const list = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([k, v]) => `${k}=${v}`)
      .join();
  return [kernel, list(tile), list(overrides), parts.join()].join('|');
}

/** Kernels without a tile: one invocation per output. */
export function plainVariant(): Variant {
  return { tile: {}, overrides: { WORKGROUP: PLAIN_WORKGROUP } };
}
