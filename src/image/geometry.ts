/**
 * The geometry of preprocessing as plain data: what a picture of a given size needs to become the network's input.
 *
 * Resize and crop are one step: taps are made only for the output pixels that the crop keeps, and the horizontal pass
 * covers only the source rows that the vertical pass reads.
 */
import { ImageError } from '../errors.js';
import { packTaps, type Taps, tapsOf } from './coefficients.js';
import type { PreprocessSpec } from './spec.js';

export interface PreprocessPlan {
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  /** Where the crop begins in the resized picture; negative where it pads. */
  readonly left: number;
  readonly top: number;
  /** The network's input. */
  readonly width: number;
  readonly height: number;
  /** Source rows [firstRow, firstRow + rows) go through the horizontal pass. */
  readonly firstRow: number;
  readonly rows: number;
  /** Taps of the horizontal pass, one column per output x; starts count source columns. */
  readonly columnTaps: Int32Array<ArrayBuffer>;
  /** Taps of the vertical pass, one column per output y; starts count rows of the horizontal pass. */
  readonly rowTaps: Int32Array<ArrayBuffer>;
}

/**
 * @param sourceWidth, sourceHeight of the picture as it is seen (orientation applied), in pixels
 * @param networkInput the [height, width] that the network was planned for
 * @throws ImageError when the picture has no pixels or does not come out at the network's size
 */
export function planPreprocess(
  spec: PreprocessSpec,
  sourceWidth: number,
  sourceHeight: number,
  networkInput: readonly [height: number, width: number],
): PreprocessPlan {
  if (!(sourceWidth > 0 && sourceHeight > 0)) throw new ImageError('the picture has no pixels');
  const [resizedHeight, resizedWidth] = resizedSize(spec, sourceWidth, sourceHeight);
  const [height, width] = spec.crop ?? [resizedHeight, resizedWidth];
  if (height !== networkInput[0] || width !== networkInput[1]) {
    throw new ImageError(
      `a picture of ${sourceWidth}×${sourceHeight} pixels comes to ${width}×${height} by the model's preprocessing, but ` +
        `the network takes ${networkInput[1]}×${networkInput[0]}: give the preprocessing a crop or an exact resize`,
    );
  }
  const left = cropOffset(resizedWidth, width, spec.cropRounding);
  const top = cropOffset(resizedHeight, height, spec.cropRounding);
  const { filter, antialias } =
    spec.resize.kind === 'none' ? { filter: 'nearest' as const, antialias: false } : spec.resize;
  const columns = tapsOf({ source: sourceWidth, resized: resizedWidth, first: left, count: width }, filter, antialias);
  const lines = tapsOf({ source: sourceHeight, resized: resizedHeight, first: top, count: height }, filter, antialias);
  const [firstRow, rows] = extent(lines);
  return {
    sourceWidth,
    sourceHeight,
    resizedWidth,
    resizedHeight,
    left,
    top,
    width,
    height,
    firstRow,
    rows,
    columnTaps: packTaps(columns, 0),
    rowTaps: packTaps(lines, firstRow),
  };
}

/** The shorter side exactly, the longer one rounded down, as torchvision's Resize does. */
function resizedSize({ resize }: PreprocessSpec, width: number, height: number): readonly [number, number] {
  if (resize.kind === 'none') return [height, width];
  if (resize.kind === 'exact') return resize.size;
  const longer = Math.trunc((resize.size * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? [longer, resize.size] : [resize.size, longer];
}

/**
 * torchvision (and timm) crop at `int(round((size − crop) / 2))`, where Python rounds half to even, and pad by
 * `(crop − size) // 2` before the picture; Hugging Face crops at `(size − crop) // 2` and pads by what mirrors it.
 */
function cropOffset(size: number, crop: number, rounding: PreprocessSpec['cropRounding'] = 'even'): number {
  const half = (size - crop) / 2;
  if (rounding === 'down') return Math.floor(half);
  if (half < 0) return 0 - Math.floor(-half);
  const down = Math.floor(half);
  return half - down === 0.5 ? down + (down % 2) : Math.round(half);
}

/** First source pixel that any output needs, and how many there are from there to the last one. */
function extent(taps: readonly Taps[]): readonly [first: number, count: number] {
  let first = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { start, weights } of taps) {
    if (weights.length === 0) continue;
    first = Math.min(first, start);
    end = Math.max(end, start + weights.length);
  }
  return [first, end - first];
}

/**
 * Normalisation as one multiplication and one addition per channel: `(v × scale − mean) / std = v × gain + offset`.
 * Four channels of each; those that the picture does not have are zero.
 */
export function normalisation(spec: PreprocessSpec): { readonly gain: number[]; readonly offset: number[] } {
  const channels = spec.std.map((std, c) => ({ gain: spec.scale / std, offset: -(spec.mean[c] ?? 0) / std }));
  const padded = [...channels, ...Array.from({ length: 4 - channels.length }, () => ({ gain: 0, offset: 0 }))];
  return { gain: padded.map(({ gain }) => gain), offset: padded.map(({ offset }) => offset) };
}
