/** Why something is no picture, and what to do: said once `source.ts` could not open it. */

import { is, isSide, TEXTURE_FORMATS, tagOf } from './image-source.js';
import { TEXTURE_USAGE } from './usage.js';

/**
 * @param size of what was opened all the same
 * @param largestSide that the adapter's textures may have
 * @param cause what the browser's decoder said
 */
export function whyNoPicture(
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
