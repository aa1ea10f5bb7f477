/** Preprocessing as published checkpoints expect it: one row each. */
import { OptionError } from '../core/errors.js';
import type { PreprocessSpec, ResizeFilter } from './spec.js';

type Size = readonly [height: number, width: number];

const square = (side: number): Size => [side, side];
const shorterSide = (size: number, filter: ResizeFilter): PreprocessSpec['resize'] => ({
  kind: 'shorterSide',
  size,
  filter,
  antialias: true,
});
const exact = (side: number, filter: ResizeFilter) =>
  ({ kind: 'exact', size: square(side), filter, antialias: true }) as const;

/** torchvision's and timm's constants (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD). */
const IMAGENET = {
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  channelOrder: 'rgb',
} as const;
/** A CIFAR image passes unchanged; any other is squeezed to 32×32. */
const CIFAR = { resize: exact(32, 'bilinear'), crop: null, scale: 1 / 255, channelOrder: 'rgb' } as const;
const CIFAR10_MEAN = [0.4914, 0.4822, 0.4465] as const;
const CIFAR10_ALL_PIXELS = { ...CIFAR, mean: CIFAR10_MEAN, std: [0.247, 0.2435, 0.2616] } as const;
const CIFAR10_PER_IMAGE = { ...CIFAR, mean: CIFAR10_MEAN, std: [0.2023, 0.1994, 0.201] } as const;
const UNIT = { scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1], channelOrder: 'rgb' } as const;

export const PRESETS = {
  /** torchvision's DenseNet weights: `DenseNet121_Weights.IMAGENET1K_V1.transforms()`. */
  torchvision: { ...IMAGENET, resize: shorterSide(256, 'bilinear'), crop: square(224) },
  /** timm's `densenet*.tv_in1k`: crop_pct 0.875, bicubic. */
  'timm-tv': { ...IMAGENET, resize: shorterSide(256, 'bicubic'), crop: square(224) },
  /** timm's `densenet121.ra_in1k` at its test size: 288 at crop_pct 0.95, floor(288 / 0.95) = 303. */
  'timm-ra': { ...IMAGENET, resize: shorterSide(303, 'bicubic'), crop: square(288) },
  /** `keras.applications.densenet` ("torch" mode), squeezed to 224×224 with a filter worth having. */
  keras: { ...IMAGENET, resize: exact(224, 'bilinear'), crop: null },
  /** The same with `keras.utils.load_img(path, target_size=(224, 224))` left at its default, nearest neighbour. */
  'keras-nearest': { ...IMAGENET, resize: exact(224, 'nearest'), crop: null },
  /** The Caffe models: BGR, mean pixel, × 0.017; 256 → 224. */
  caffe: {
    resize: shorterSide(256, 'bilinear'),
    crop: square(224),
    scale: 1,
    mean: [103.94, 116.78, 123.68],
    std: [1 / 0.017, 1 / 0.017, 1 / 0.017],
    channelOrder: 'bgr',
  },
  /**
   * torchxrayvision: the mean of the channels, XRayCenterCrop to the middle square, XRayResizer to 224×224,
   * (2x / 255 − 1) · 1024.
   */
  torchxrayvision: {
    resize: { ...exact(224, 'gaussian'), kind: 'cover' },
    crop: null,
    cropRounding: 'middle',
    scale: 1 / 255,
    mean: [0.5],
    std: [1 / 2048],
    channelOrder: 'gray-mean',
  },
  /** Pixels times 1/255 and nothing else, as Keras' `Rescaling(1 / 255)` and torchvision's `ToTensor` alone. */
  rescale: { ...UNIT, resize: exact(224, 'bilinear'), crop: null },
  /** The same for images of 32×32. */
  'rescale-32': { ...UNIT, resize: exact(32, 'bilinear'), crop: null },
  /** CIFAR-10, std [0.247, 0.2435, 0.2616]: over all pixels of the training set. */
  'cifar10-std-0.247': CIFAR10_ALL_PIXELS,
  /** CIFAR-10, std [0.2023, 0.1994, 0.201]: the mean of the images' own deviations, as kuangliu's code and DICE have it. */
  'cifar10-std-0.2023': CIFAR10_PER_IMAGE,
  /** The former name of `cifar10-std-0.247`. */
  cifar10: CIFAR10_ALL_PIXELS,
  /** The former name of `cifar10-std-0.2023`. */
  'cifar10-per-image': CIFAR10_PER_IMAGE,
  /** CIFAR-100 with the standard deviation over all pixels of the training set. */
  cifar100: { ...CIFAR, mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
} as const satisfies Readonly<Record<string, PreprocessSpec>>;

/** @throws OptionError when there is no such row (the message lists the rows) */
export function presetOf(name: string): PreprocessSpec {
  const row = Object.entries<PreprocessSpec>(PRESETS).find(([key]) => key === name);
  if (row) return row[1];
  throw new OptionError('preprocess', `unknown preprocessing "${name}"; known: ${Object.keys(PRESETS).join(', ')}`);
}
