/**
 * Any image source → an image of known size whose pixels can go to a texture, as it was at the moment of the call.
 *
 * The rules, chosen so that the network sees what the frameworks' own pipelines (Pillow) see in the same file:
 *
 * - EXIF orientation is applied; the image's size is the one it is displayed at.
 * - Embedded colour profiles are ignored, the stored values count (`colorSpaceConversion: 'none'`). Canvases, videos and
 *   frames that say they are Display P3 or the like are converted to sRGB by the browser.
 * - Alpha is straight and then left out; it is never multiplied into the colours.
 * - 16-bit files come as the browser decodes them, to 8 bits.
 * - Nothing goes through a 2D canvas.
 *
 * Needs no DOM: classes are recognised by their tags, which also work across frames and where a class does not exist.
 */

import { ImageError, isDenseNetError } from '../core/errors.js';
import { TEXTURE_USAGE } from './usage.js';

/** Straight RGBA, a byte each, row by row from the top left; `data.length` is width × height × 4. */
export interface PixelData {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * The pixels are taken at the moment of the call, so that a canvas or an array can be reused at once. That costs a copy of
 * the pixels, held until the call settles; a `Blob` costs none. A string or URL is fetched.
 *
 * A `GPUTexture` must be of the network's own device, 2D, single-sampled, with usage `TEXTURE_BINDING` and a format of
 * {@link TEXTURE_FORMATS}; its first level is taken as sRGB-encoded values. With
 * usage `COPY_SRC` it is copied at the call; without, leave it unchanged until the call settles.
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
  | GPUTexture
  | string
  | URL;

/** Formats whose values are the encoded colours; `-srgb` formats would be read as linear light. */
export const TEXTURE_FORMATS: readonly GPUTextureFormat[] = ['rgba8unorm', 'bgra8unorm', 'rgba16float'];

interface Sized {
  /** In pixels, orientation applied. */
  readonly width: number;
  readonly height: number;
}

/** Ready to be uploaded. `close` frees what was decoded or copied for it. */
export type OpenImage = Sized &
  (
    | { readonly kind: 'pixels'; readonly data: Uint8Array | Uint8ClampedArray; readonly close?: () => void }
    | { readonly kind: 'external'; readonly source: GPUCopyExternalImageSource; readonly close?: () => void }
    | { readonly kind: 'texture'; readonly texture: GPUTexture; readonly close?: () => void }
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

/** An image as it was at the call. `close` frees it, whether it was opened or not. */
export interface CapturedImage {
  /** Decodes what needs decoding. The result is the caller's to close. @throws ImageError */
  open(): Promise<OpenImage>;
  close(): void;
}

/** Copies a texture on the GPU at once. @throws RefusedError */
export type CopyTexture = (texture: GPUTexture) => Promise<GPUTexture>;

/**
 * Takes an image's pixels, or what keeps them. Everything that can change after the call is read before this returns.
 */
export function captureImage(source: ImageSource, copyTexture: CopyTexture): CapturedImage {
  // What does not change is decoded when its turn comes, so that a long queue holds no decoded images.
  if (isBlob(source)) return { open: () => decode(source), close: () => {} };
  if (typeof source === 'string' || source instanceof URL) {
    const blob = fetchImage(String(source));
    blob.catch(() => {}); // whoever opens it handles it
    return { open: async () => decode(await blob), close: () => {} };
  }
  const captured = capture(source, copyTexture);
  captured.catch(() => {});
  return {
    // Closed with the capture, so that a call can be tried again after a device loss.
    open: async () => ({ ...(await captured), close: () => {} }),
    close: () => void captured.then((image) => image.close?.()).catch(() => {}),
  };
}

const isBlob = (source: unknown): source is Blob => is(source, 'Blob') || is(source, 'File');

/** @throws ImageError */
async function fetchImage(url: string): Promise<Blob> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new ImageError(`${url} could not be fetched (offline, blocked, or no CORS headers)`, { cause });
  });
  if (response.ok) return response.blob();
  throw new ImageError(`${url} answered ${response.status} ${response.statusText}: check the address`);
}

/** Reads its argument before the first `await`. @throws ImageError when there is nothing to be read */
async function capture(
  source: Exclude<ImageSource, Blob | string | URL>,
  copyTexture: CopyTexture,
): Promise<OpenImage> {
  const image = await read(source, copyTexture).catch((cause: unknown) => {
    throw isDenseNetError(cause) ? cause : new ImageError(describeRefusal(source, cause), { cause });
  });
  if (!image) throw new ImageError(describeRefusal(source));
  return image;
}

/** Null when there is nothing to be read. @throws what the browser says */
async function read(
  source: Exclude<ImageSource, Blob | string | URL>,
  copyTexture: CopyTexture,
): Promise<OpenImage | null> {
  if (is(source, 'HTMLImageElement'))
    return source.complete && source.naturalWidth > 0 ? bitmapOf(source, AS_STORED) : null;
  if (is(source, 'ImageBitmap') || is(source, 'HTMLCanvasElement') || is(source, 'OffscreenCanvas'))
    return source.width > 0 && source.height > 0 ? bitmapOf(source, { premultiplyAlpha: 'none' }) : null;
  if (is(source, 'HTMLVideoElement')) {
    if (source.readyState < HAVE_CURRENT_DATA) return null;
    return bitmapOf(source, {});
  }
  // A frame itself cannot be copied to a texture everywhere.
  if (is(source, 'VideoFrame')) return source.displayWidth > 0 ? bitmapOf(source, {}) : null;
  return is(source, 'GPUTexture') ? readTexture(source, copyTexture) : readPixels(source);
}

/** `HTMLMediaElement.HAVE_CURRENT_DATA` */
const HAVE_CURRENT_DATA = 2;

/** Orientation applied, colour profile and alpha left out: `createImageBitmap` alone does so. */
const AS_STORED = { imageOrientation: 'from-image', premultiplyAlpha: 'none', colorSpaceConversion: 'none' } as const;

async function bitmapOf(source: ImageBitmapSource, options: ImageBitmapOptions): Promise<OpenImage> {
  const bitmap = await createImageBitmap(source, options);
  const { width, height } = bitmap;
  return { kind: 'external', source: bitmap, width, height, close: () => bitmap.close() };
}

/** @throws ImageError */
async function decode(blob: Blob): Promise<OpenImage> {
  try {
    return await bitmapOf(blob, AS_STORED);
  } catch (cause) {
    throw new ImageError(describeRefusal(blob, cause), { cause });
  }
}

async function readTexture(texture: GPUTexture, copyTexture: CopyTexture): Promise<OpenImage | null> {
  const { format, usage, dimension, sampleCount, width, height } = texture;
  const isUsable = TEXTURE_FORMATS.includes(format) && dimension === '2d' && sampleCount === 1;
  if (!isUsable || !(usage & TEXTURE_USAGE.TEXTURE_BINDING)) return null;
  if (!(usage & TEXTURE_USAGE.COPY_SRC)) return { kind: 'texture', texture, width, height };
  const copy = await copyTexture(texture);
  return { kind: 'texture', texture: copy, width, height, close: () => copy.destroy() };
}

function readPixels(source: unknown): OpenImage | null {
  if (typeof source !== 'object' || source === null || !('data' in source && 'width' in source && 'height' in source))
    return null;
  const { data, width, height } = source;
  const isBytes = is(data, 'Uint8Array') || is(data, 'Uint8ClampedArray');
  if (!isBytes || !isSide(width) || !isSide(height) || data.length !== width * height * 4) return null;
  return { kind: 'pixels', data: data.slice(), width, height };
}

/** @throws ImageError when the image is larger than the adapter's textures */
export function checkImageSize({ width, height }: Sized, largestSide: number): void {
  if (width <= largestSide && height <= largestSide) return;
  throw new ImageError(
    `the image has ${width}×${height} pixels, but this adapter's textures have at most ${largestSide} on a side: shrink ` +
      'it first, for example with createImageBitmap(source, { resizeWidth, resizeHeight })',
  );
}

const isSide = (value: unknown): value is number => Number.isInteger(value) && Number(value) > 0;

/**
 * Copies the pixels into a texture of the image's size and format `rgba8unorm`.
 *
 * @throws ImageError when the browser does not give them out
 */
export function uploadImage(
  queue: GPUQueue,
  image: Exclude<OpenImage, { kind: 'texture' }>,
  texture: GPUTexture,
): void {
  const size = [image.width, image.height];
  if (image.kind === 'pixels') {
    queue.writeTexture({ texture }, image.data, { bytesPerRow: image.width * 4 }, size);
    return;
  }
  try {
    const destination = { texture, colorSpace: 'srgb', premultipliedAlpha: false } as const;
    queue.copyExternalImageToTexture({ source: image.source }, destination, size);
  } catch (cause) {
    throw new ImageError(refusal(cause), { cause });
  }
}

function refusal(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'SecurityError') {
    return "the image comes from another origin without permission: load it with crossorigin='anonymous' from a server that sends CORS headers";
  }
  return 'the pixels of this image cannot be read here (closed, or not decoded yet): pass { data, width, height } in RGBA';
}

/**
 * Why a value is no image, and what to do.
 *
 * @param cause what the browser's decoder said
 */
function describeRefusal(source: unknown, cause?: unknown): string {
  if (cause instanceof Error && cause.name === 'SecurityError') return refusal(cause);
  if (isBlob(source)) {
    const name = 'name' in source ? String(source.name) : '';
    if (/hei[cf]/i.test(`${source.type} ${name}`))
      return 'this is an HEIC image, which browsers do not decode: convert it to JPEG';
    return undecodable(`the ${source.type || 'untyped'} file of ${source.size} bytes`);
  }
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
  if (is(source, 'GPUTexture')) return describeTexture(source);
  return describePixels(source);
}

function undecodable(what: string): string {
  return typeof createImageBitmap === 'undefined'
    ? 'nothing here decodes image files (createImageBitmap is missing): pass { data, width, height } in RGBA'
    : `${what} cannot be decoded as an image: is it a whole JPEG, PNG, WebP, GIF or AVIF?`;
}

function describeTexture({ format, usage }: GPUTexture): string {
  if (!TEXTURE_FORMATS.includes(format))
    return `a GPUTexture of format ${format} cannot be used: make it one of ${TEXTURE_FORMATS.join(', ')}`;
  if (!(usage & TEXTURE_USAGE.TEXTURE_BINDING)) return 'the GPUTexture lacks the usage TEXTURE_BINDING';
  return 'the GPUTexture must be 2D and single-sampled';
}

function describePixels(source: unknown): string {
  if (typeof source !== 'object' || source === null || !('data' in source && 'width' in source && 'height' in source)) {
    return (
      `${describe(source)} is not an image: pass an ImageBitmap, Blob, <img>, <canvas>, <video>, VideoFrame, ImageData, ` +
      'GPUTexture or { data, width, height }'
    );
  }
  const { data, width, height } = source;
  if (!isSide(width) || !isSide(height)) return `${width}×${height} is not a size of an image`;
  if (!is(data, 'Uint8Array') && !is(data, 'Uint8ClampedArray'))
    return `the image's data is ${describe(data)}: make it a Uint8ClampedArray or Uint8Array of RGBA bytes`;
  const reason = data.length === 0 ? 'is empty or detached' : `has ${data.length} bytes`;
  return `the image's data ${reason}, but ${width}×${height} RGBA pixels take ${width * height * 4}: add the alpha bytes?`;
}

function describe(value: unknown): string {
  if (value === null) return 'null (did querySelector find nothing?)';
  if (value === undefined) return 'undefined';
  return `a ${tagOf(value)}`;
}
