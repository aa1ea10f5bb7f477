/**
 * How a picture becomes the network's input, as plain data that travels inside the model file.
 *
 * Order of the steps: orient, channel order, resize, crop, value × `scale`, − mean, ÷ std.
 */

/**
 * Pillow's resampling filters; `antialias` widens the support when shrinking, as Pillow always does (never for
 * `nearest`).
 */
export type ResizeFilter = 'nearest' | 'bilinear' | 'bicubic';

export interface PreprocessSpec {
  /** `shorterSide`: keep the aspect ratio; `exact`: [height, width]; `none`: the picture must already fit. */
  readonly resize:
    | {
        readonly kind: 'shorterSide';
        readonly size: number;
        readonly filter: ResizeFilter;
        readonly antialias: boolean;
      }
    | {
        readonly kind: 'exact';
        readonly size: readonly [height: number, width: number];
        readonly filter: ResizeFilter;
        readonly antialias: boolean;
      }
    | { readonly kind: 'none' };
  /** Centre crop to [height, width] after the resize; pads with zeros (black) where the picture is smaller. */
  readonly crop: readonly [height: number, width: number] | null;
  /**
   * Where an odd remainder puts the crop: `even` (the default) rounds half to even as torchvision and timm do, `down`
   * rounds towards the top left as Hugging Face's image processors do.
   */
  readonly cropRounding?: 'even' | 'down';
  /** Multiplies the 0…255 pixel value; 1/255 for the usual 0…1 range. */
  readonly scale: number;
  /** Subtracted after `scale`, one per channel, in the network's channel order. */
  readonly mean: readonly number[];
  /** Divides after the mean, one per channel. */
  readonly std: readonly number[];
  /** `grey`: one channel, ITU-R 601-2 luma as Pillow's convert('L'). */
  readonly channelOrder: 'rgb' | 'bgr' | 'grey';
}

/** Channels that the specification puts out: 1 for grey, else 3. */
export function channelsOf(spec: PreprocessSpec): 1 | 3 {
  return spec.channelOrder === 'grey' ? 1 : 3;
}

/** The [height, width] that every picture comes out as, or `null` when it depends on the picture. */
export function inputSizeOf(spec: PreprocessSpec): readonly [height: number, width: number] | null {
  if (spec.crop) return spec.crop;
  return spec.resize.kind === 'exact' ? spec.resize.size : null;
}
