/**
 * The geometry of preprocessing as plain data: what an image of a given size needs to become the network's input.
 *
 * Resize and crop are one step: taps are made only for the output pixels that the crop keeps, and the first pass
 * covers only the source rows that the second reads.
 */
import { ImageError } from '../core/errors.js';
import { packTaps, type Taps, tapsOf } from './coefficients.js';
import type { CropRounding, PreprocessSpec } from './spec.js';

/** One axis of an image: source pixels [from, from + span) become `resized` ones, of which [first, first + count) stay. */
interface Axis {
  readonly from: number;
  readonly span: number;
  readonly resized: number;
  /** Negative where the crop pads. */
  readonly first: number;
  readonly count: number;
}

export interface PreprocessPlan {
  readonly sourceWidth: number;
  readonly sourceHeight: number;
  readonly horizontal: Axis;
  readonly vertical: Axis;
  /**
   * Whether the first pass resamples along y and the second along x. The fields below are then those of the image
   * mirrored in its diagonal: rows are columns.
   */
  readonly transposed: boolean;
  /** Pixels of a row, and rows, that come out of the second pass. */
  readonly width: number;
  readonly height: number;
  /** Source rows [firstRow, firstRow + rows) go through the first pass. */
  readonly firstRow: number;
  readonly rows: number;
  /** Taps of the first pass, one column per output x; starts count source columns. */
  readonly columnTaps: Int32Array<ArrayBuffer>;
  /** Taps of the second pass, one column per output y; starts count rows of the first pass. */
  readonly rowTaps: Int32Array<ArrayBuffer>;
}

/**
 * @param sourceWidth, sourceHeight of the image as it is seen (orientation applied), in pixels
 * @param networkInput the [height, width] that the network was planned for
 * @throws ImageError when the image has no pixels or does not come out at the network's size
 */
export function planPreprocess(
  spec: PreprocessSpec,
  sourceWidth: number,
  sourceHeight: number,
  networkInput: readonly [height: number, width: number],
): PreprocessPlan {
  if (!(sourceWidth > 0 && sourceHeight > 0)) throw new ImageError('the image has no pixels');
  const [height, width] = spec.crop ?? resizedSize(spec, sourceWidth, sourceHeight);
  if (height !== networkInput[0] || width !== networkInput[1]) {
    throw new ImageError(
      `an image of ${sourceWidth}×${sourceHeight} pixels comes to ${width}×${height} by the model's preprocessing, but ` +
        `the network takes ${networkInput[1]}×${networkInput[0]}: give the preprocessing a crop or an exact resize`,
    );
  }
  const [vertical, horizontal] = axesOf(spec, sourceWidth, sourceHeight);
  const transposed = rowsFirst(horizontal, vertical);
  const [across, along] = transposed ? [vertical, horizontal] : [horizontal, vertical];
  const lines = tapsAlong(along, spec);
  const [firstRow, rows] = extent(lines);
  return {
    sourceWidth,
    sourceHeight,
    horizontal,
    vertical,
    transposed,
    width: across.count,
    height: along.count,
    firstRow,
    rows,
    columnTaps: packTaps(tapsAlong(across, spec), 0),
    rowTaps: packTaps(lines, firstRow),
  };
}

/** The shorter side exactly, the longer one rounded down, as torchvision's Resize does. */
function resizedSize({ resize }: PreprocessSpec, width: number, height: number): readonly [number, number] {
  if (resize.kind === 'none') return [height, width];
  if (resize.kind !== 'shorterSide') return resize.size;
  const longer = Math.trunc((resize.size * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? [longer, resize.size] : [resize.size, longer];
}

function axesOf(spec: PreprocessSpec, width: number, height: number): readonly [vertical: Axis, horizontal: Axis] {
  const source = [height, width] as const;
  const resized = resizedSize(spec, width, height);
  const kept = spec.resize.kind === 'cover' ? largestOf(spec.resize.size, source) : source;
  const axis = (side: 0 | 1): Axis => {
    const count = spec.crop?.[side] ?? resized[side];
    return {
      from: cropOffset(source[side], kept[side], spec.cropRounding),
      span: kept[side],
      resized: resized[side],
      first: cropOffset(resized[side], count, spec.cropRounding),
      count,
    };
  };
  return [axis(0), axis(1)];
}

/** The largest part of an image that has the aspect ratio of `size`, rounded down. */
function largestOf([h, w]: readonly [number, number], [height, width]: readonly [number, number]) {
  return [
    Math.min(height, Math.max(1, Math.trunc((width * h) / w))),
    Math.min(width, Math.max(1, Math.trunc((height * w) / h))),
  ] as const;
}

/** Pillow 13's order (src/libImaging/Resample.c): rows first where they shrink by more than twice what columns do. */
function rowsFirst(horizontal: Axis, vertical: Axis): boolean {
  const [columns, rows] = [horizontal.span - horizontal.resized, vertical.span - vertical.resized];
  return rows > 0 && rows > 2 * columns;
}

function tapsAlong({ from, span, resized, first, count }: Axis, { resize }: PreprocessSpec): Taps[] {
  const { filter, antialias } = resize.kind === 'none' ? { filter: 'nearest' as const, antialias: false } : resize;
  const taps = tapsOf({ source: span, resized, first, count }, filter, antialias);
  return taps.map((tap) => ({ ...tap, start: tap.start + from }));
}

/**
 * torchvision (and timm) crop at `int(round((size − crop) / 2))`, where Python rounds half to even, and pad by
 * `(crop − size) // 2` before the image; Hugging Face crops at `(size − crop) // 2` and pads by what mirrors it;
 * torchxrayvision crops at `size // 2 − crop // 2`.
 */
function cropOffset(size: number, crop: number, rounding: CropRounding = 'even'): number {
  if (rounding === 'middle') return Math.floor(size / 2) - Math.floor(crop / 2);
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
 * Four channels of each; those that the image does not have are zero.
 */
export function normalisation(spec: PreprocessSpec): { readonly gain: number[]; readonly offset: number[] } {
  const channels = spec.std.map((std, c) => ({ gain: spec.scale / std, offset: -(spec.mean[c] ?? 0) / std }));
  const padded = [...channels, ...Array.from({ length: 4 - channels.length }, () => ({ gain: 0, offset: 0 }))];
  return { gain: padded.map(({ gain }) => gain), offset: padded.map(({ offset }) => offset) };
}
