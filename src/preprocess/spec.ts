/**
 * How an image becomes the network's input, as plain data that travels inside the model file.
 *
 * Order of the steps: orient, channel order, resize, crop, value × `scale`, − mean, ÷ std. docs/preprocessing.md says
 * which framework each rule comes from.
 */

/**
 * Pillow's resampling filters; `antialias` enlarges the support when shrinking, as Pillow always does (never for
 * `nearest`). And `gaussian`, scikit-image's `resize(mode='constant')`, which torchxrayvision takes: a blur before linear
 * interpolation, and beyond the image mid-gray, the zero of its range.
 */
export type ResizeFilter = 'nearest' | 'bilinear' | 'bicubic' | 'gaussian';

export type CropRounding = 'even' | 'down' | 'middle';

export interface PreprocessSpec {
  /**
   * `shorterSide`: keep the aspect ratio; `exact`: to [height, width]; `cover`: the same after a centre crop to that
   * aspect ratio; `none`: the image must already fit.
   */
  readonly resize:
    | {
        readonly kind: 'shorterSide';
        readonly size: number;
        readonly filter: ResizeFilter;
        readonly antialias: boolean;
      }
    | {
        readonly kind: 'exact' | 'cover';
        readonly size: readonly [height: number, width: number];
        readonly filter: ResizeFilter;
        readonly antialias: boolean;
      }
    | { readonly kind: 'none' };
  /** Centre crop to [height, width] after the resize; pads with zeros (black) where the image is smaller. */
  readonly crop: readonly [height: number, width: number] | null;
  /**
   * Where an odd remainder puts a crop: `even` (the default) rounds half to even as torchvision and timm do, `down`
   * rounds towards the top left as Hugging Face's image processors do, `middle` puts pixel ⌊crop / 2⌋ of the crop on
   * pixel ⌊size / 2⌋ of the image as torchxrayvision does.
   */
  readonly cropRounding?: CropRounding;
  /** Multiplies the 0…255 pixel value; 1/255 for the usual 0…1 range. */
  readonly scale: number;
  /** Subtracted after `scale`, one per channel, in the network's channel order. */
  readonly mean: readonly number[];
  /** Divides after the mean, one per channel. */
  readonly std: readonly number[];
  /**
   * `gray`: one channel, ITU-R 601-2 luma as Pillow's convert('L'); `gray-mean`: one channel, the mean of the three as
   * torchxrayvision's examples take it.
   */
  readonly channelOrder: 'rgb' | 'bgr' | 'gray' | 'gray-mean';
}

/** Channels that the specification puts out: 1 for gray, else 3. */
export function channelsOf({ channelOrder }: PreprocessSpec): 1 | 3 {
  return channelOrder === 'rgb' || channelOrder === 'bgr' ? 3 : 1;
}

/** The [height, width] that every image comes out as, or `null` when it depends on the image. */
export function inputSizeOf(spec: PreprocessSpec): readonly [height: number, width: number] | null {
  const { crop, resize } = spec;
  return crop ?? (resize.kind === 'exact' || resize.kind === 'cover' ? resize.size : null);
}
