/** The shapes that kernel variants are chosen for. */

/** A convolution that has tiles: its output, and what else a tile's cost depends on. */
export type ConvShape = {
  readonly batch: number;
  readonly width: number;
  readonly height: number;
  readonly outQuads: number;
  /** Input quads. For layers that read a block as far as it is written, those of the whole block: see {@link shapeKey}. */
  readonly inQuads: number;
} & (
  | { readonly kernel: 'conv1x1' | 'transition' }
  | { readonly kernel: 'conv3x3'; readonly normed: boolean }
  | { readonly kernel: 'stem'; readonly size: number; readonly stride: number; readonly channels: number }
);

/**
 * Identifies what a measurement is good for: steps with equal keys are tuned together.
 *
 * Input quads are left out: a block's layers differ in nothing else, and share a pipeline and its compilation.
 */
export function shapeKey({ kernel, batch, width, height, outQuads, inQuads, ...rest }: ConvShape): string {
  const special = Object.values(rest).map(Number).join('-');
  return `${kernel} ${batch}×${height}×${width}→${outQuads}${special && ` ${special}`}`;
}
