/**
 * Whatever a caller calls an image, as a `Picture`: something of known size whose pixels can go to a texture at once.
 *
 * The rules, chosen so that the network sees what the frameworks' own pipelines (Pillow) see in the same file:
 *
 * - EXIF orientation is applied; the picture's size is the one it is seen at.
 * - Embedded colour profiles are ignored, the stored values count (`colorSpaceConversion: 'none'`). Canvases, videos and
 *   frames that say they are Display P3 or the like are converted to sRGB by the browser.
 * - Alpha is straight and then left out; it is never multiplied into the colours.
 * - 16-bit files come as the browser decodes them, to 8 bits.
 * - Nothing goes through a 2D canvas.
 *
 * Needs no DOM: classes are recognised by their tags, which also work across frames and where a class does not exist.
 */

import { ImageError } from '../core/errors.js';
import { TEXTURE_USAGE } from './usage.js';

/** Straight RGBA, a byte each, row by row from the top left; `data.length` is width × height × 4. */
export interface PixelData {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * A `GPUTexture` must be of the network's own device, 2D, single-sampled, with usage `TEXTURE_BINDING` and a format of
 * {@link TEXTURE_FORMATS}; its first level is taken as sRGB-encoded values.
 */
export type ImageSource =
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | ImageData
  | PixelData
  | Blob
  | GPUTexture;

/** Formats whose values are the encoded colours; `-srgb` formats would be read as linear light. */
export const TEXTURE_FORMATS: readonly GPUTextureFormat[] = ['rgba8unorm', 'bgra8unorm', 'rgba16float'];

interface Sized {
  /** In pixels, orientation applied. */
  readonly width: number;
  readonly height: number;
}

/** Ready to be uploaded. `close` frees what was decoded for it. */
export type Picture = Sized &
  (
    | { readonly kind: 'pixels'; readonly data: Uint8Array | Uint8ClampedArray }
    | { readonly kind: 'external'; readonly source: GPUCopyExternalImageSource; readonly close?: () => void }
    | { readonly kind: 'texture'; readonly texture: GPUTexture }
  );

/** DOM classes by the tag that `Object.prototype.toString` gives their instances, whatever realm they are from. */
interface Tagged {
  readonly ImageBitmap: ImageBitmap;
  readonly HTMLImageElement: HTMLImageElement;
  readonly HTMLCanvasElement: HTMLCanvasElement;
  readonly OffscreenCanvas: OffscreenCanvas;
  readonly HTMLVideoElement: HTMLVideoElement;
  readonly VideoFrame: VideoFrame;
  readonly Blob: Blob;
  readonly File: File;
  readonly GPUTexture: GPUTexture;
  readonly Uint8Array: Uint8Array;
  readonly Uint8ClampedArray: Uint8ClampedArray;
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

export function is<T extends keyof Tagged>(value: unknown, tag: T): value is Tagged[T] {
  return tagOf(value) === tag;
}

/**
 * Decodes what needs decoding and checks that there are pixels.
 *
 * @param largestSide the device's `maxTextureDimension2D`
 * @throws ImageError naming what is wrong and the repair
 */
export async function openPicture(source: ImageSource, largestSide: number): Promise<Picture> {
  let cause: unknown;
  const picture = await open(source).catch((reason: unknown) => {
    cause = reason;
    return null;
  });
  if (picture && picture.width <= largestSide && picture.height <= largestSide) return picture;
  if (picture?.kind === 'external') picture.close?.();
  throw new ImageError(describeRefusal(source, picture, largestSide, cause), { cause });
}

/** Null when there is nothing to be opened; {@link describeRefusal} says why. @throws what the browser's decoder says */
async function open(source: ImageSource): Promise<Picture | null> {
  if (is(source, 'Blob') || is(source, 'File')) return decode(source);
  if (is(source, 'HTMLImageElement')) return source.complete && source.naturalWidth > 0 ? decode(source) : null;
  if (is(source, 'ImageBitmap') || is(source, 'HTMLCanvasElement') || is(source, 'OffscreenCanvas'))
    return external(source, source.width, source.height);
  if (is(source, 'HTMLVideoElement')) {
    const hasFrame = source.readyState >= HAVE_CURRENT_DATA;
    return hasFrame ? external(source, source.videoWidth, source.videoHeight) : null;
  }
  if (is(source, 'VideoFrame')) return external(source, source.displayWidth, source.displayHeight);
  return is(source, 'GPUTexture') ? openTexture(source) : openPixels(source);
}

/** `HTMLMediaElement.HAVE_CURRENT_DATA` */
const HAVE_CURRENT_DATA = 2;

function external(source: GPUCopyExternalImageSource, width: number, height: number): Picture | null {
  return width > 0 && height > 0 ? { kind: 'external', source, width, height } : null;
}

/** Through `createImageBitmap`, which alone applies orientation and leaves profile and alpha out. */
async function decode(image: Blob | HTMLImageElement): Promise<Picture> {
  const options = { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' } as const;
  const source = await createImageBitmap(image, options);
  return { kind: 'external', source, width: source.width, height: source.height, close: () => source.close() };
}

function openTexture(texture: GPUTexture): Picture | null {
  const { format, usage, dimension, sampleCount, width, height } = texture;
  const isUsable = TEXTURE_FORMATS.includes(format) && dimension === '2d' && sampleCount === 1;
  return isUsable && usage & TEXTURE_USAGE.TEXTURE_BINDING ? { kind: 'texture', texture, width, height } : null;
}

function openPixels(source: unknown): Picture | null {
  if (typeof source !== 'object' || source === null || !('data' in source && 'width' in source && 'height' in source))
    return null;
  const { data, width, height } = source;
  const isBytes = is(data, 'Uint8Array') || is(data, 'Uint8ClampedArray');
  if (!isBytes || !isSide(width) || !isSide(height) || data.length !== width * height * 4) return null;
  return { kind: 'pixels', data, width, height };
}

const isSide = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;

/**
 * Copies the pixels into a texture of the picture's size and format `rgba8unorm`.
 *
 * @throws ImageError when the browser does not give them out
 */
export function uploadPicture(
  queue: GPUQueue,
  picture: Exclude<Picture, { kind: 'texture' }>,
  texture: GPUTexture,
): void {
  const size = [picture.width, picture.height];
  if (picture.kind === 'pixels') {
    queue.writeTexture({ texture }, picture.data, { bytesPerRow: picture.width * 4 }, size);
    return;
  }
  try {
    const destination = { texture, colorSpace: 'srgb', premultipliedAlpha: false } as const;
    queue.copyExternalImageToTexture({ source: picture.source }, destination, size);
  } catch (cause) {
    throw new ImageError(refusal(cause), { cause });
  }
}

function refusal(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'SecurityError') {
    return "the picture comes from another origin without leave: load it with crossorigin='anonymous' from a server that sends CORS headers";
  }
  return 'the pixels of this picture cannot be had here (closed, or not decoded yet): pass { data, width, height } in RGBA';
}

/**
 * Why a value is no image, and what to do.
 *
 * @param size of what was opened all the same
 * @param largestSide that the adapter's textures may have
 * @param cause what the browser's decoder said
 */
function describeRefusal(
  source: unknown,
  size: { readonly width: number; readonly height: number } | null,
  largestSide: number,
  cause: unknown,
): string {
  if (size) {
    return (
      `the picture has ${size.width}×${size.height} pixels, but this adapter's textures reach ${largestSide} a side: shrink ` +
      'it first, for example with createImageBitmap(source, { resizeWidth, resizeHeight })'
    );
  }
  if (is(source, 'Blob') || is(source, 'File'))
    return undecodable(`the ${source.type || 'untyped'} file of ${source.size} bytes`);
  if (is(source, 'HTMLImageElement')) {
    if (!source.complete) return 'the <img> has not loaded yet: await image.decode() first';
    if (cause) return undecodable('the <img>');
    return 'the <img> failed to load, or it is an SVG without a size';
  }
  if (is(source, 'ImageBitmap')) return 'the ImageBitmap has been closed';
  if (is(source, 'VideoFrame')) return 'the VideoFrame has been closed';
  if (is(source, 'HTMLCanvasElement') || is(source, 'OffscreenCanvas'))
    return 'the canvas has no pixels: give it a width and a height';
  if (is(source, 'HTMLVideoElement')) return "the video has no frame yet: wait for its 'loadeddata' event";
  if (is(source, 'GPUTexture')) return whyNoTexture(source);
  return whyNoPixels(source);
}

function undecodable(what: string): string {
  return typeof createImageBitmap === 'undefined'
    ? 'nothing here decodes image files (createImageBitmap is missing): pass { data, width, height } in RGBA'
    : `${what} cannot be decoded as a picture: is it a whole JPEG, PNG, WebP, GIF or AVIF?`;
}

function whyNoTexture({ format, usage }: GPUTexture): string {
  if (!TEXTURE_FORMATS.includes(format))
    return `a GPUTexture of format ${format} cannot be used: make it one of ${TEXTURE_FORMATS.join(', ')}`;
  if (!(usage & TEXTURE_USAGE.TEXTURE_BINDING)) return 'the GPUTexture lacks the usage TEXTURE_BINDING';
  return 'the GPUTexture must be 2D and single-sampled';
}

function whyNoPixels(source: unknown): string {
  if (typeof source !== 'object' || source === null || !('data' in source && 'width' in source && 'height' in source)) {
    return (
      `${describe(source)} is not a picture: pass an ImageBitmap, Blob, <img>, <canvas>, <video>, VideoFrame, ImageData, ` +
      'GPUTexture or { data, width, height }'
    );
  }
  const { data, width, height } = source;
  if (!isSide(width) || !isSide(height)) return `${width}×${height} is no size of a picture`;
  if (!is(data, 'Uint8Array') && !is(data, 'Uint8ClampedArray'))
    return `the picture's data is ${describe(data)}: make it a Uint8ClampedArray or Uint8Array of RGBA bytes`;
  const reason = data.length === 0 ? 'is empty or detached' : `has ${data.length} bytes`;
  return `the picture's data ${reason}, but ${width}×${height} RGBA pixels take ${width * height * 4}: add the alpha bytes?`;
}

const describe = (value: unknown): string =>
  typeof value === 'string' ? 'a string (fetch it, and pass the Blob)' : `a ${tagOf(value)}`;
