/** What counts as an image where there is no DOM, and the errors for everything else. */
import { describe, expect, it } from 'vitest';
import { captureImage, checkImageSize } from '../../src/gpu/image-source.js';

/** An object that looks like a DOM class of that name from another realm. */
const tagged = (tag: string, fields: object): unknown => ({ ...fields, [Symbol.toStringTag]: tag });

/** Passes anything, as plain JavaScript may. */
const open = (source: unknown): Promise<unknown> =>
  Reflect.apply(captureImage, undefined, [source, async (texture: GPUTexture) => texture]).open();

describe('an image', () => {
  it('is RGBA bytes with a size, whatever class of bytes', async () => {
    for (const data of [new Uint8Array(24), new Uint8ClampedArray(24), Buffer.alloc(24)]) {
      expect(await open({ data, width: 3, height: 2 })).toMatchObject({
        kind: 'pixels',
        data: data.slice(),
        width: 3,
        height: 2,
      });
    }
  });

  it('is captured as it was, so that its bytes can be reused at once', async () => {
    const data = new Uint8Array(24).fill(7);
    const image = open({ data, width: 3, height: 2 });
    data.fill(9);
    expect(await image).toMatchObject({ data: new Uint8Array(24).fill(7) });
  });

  it('is recognised by its tag, so that classes of other frames and runtimes count', async () => {
    const bitmap = { width: 4, height: 5, close: () => {} };
    Object.assign(globalThis, { createImageBitmap: async () => bitmap });
    const frame = tagged('VideoFrame', { displayWidth: 4, displayHeight: 5, codedWidth: 8 });
    expect(await open(frame)).toMatchObject({ kind: 'external', source: bitmap, width: 4, height: 5 });
    Reflect.deleteProperty(globalThis, 'createImageBitmap');
  });

  const texture = { format: 'rgba8unorm', usage: 4, dimension: '2d', sampleCount: 1, width: 3, height: 2 };
  it.each([
    [
      'too few bytes',
      { data: new Uint8Array(18), width: 3, height: 2 },
      "the image's data has 18 bytes, but 3×2 RGBA pixels take 24: add the alpha bytes?",
    ],
    [
      'detached bytes',
      { data: detached(), width: 3, height: 2 },
      "the image's data is empty or detached, but 3×2 RGBA pixels take 24: add the alpha bytes?",
    ],
    [
      'half floats',
      { data: new Float32Array(24), width: 3, height: 2 },
      "the image's data is a Float32Array: make it a Uint8ClampedArray or Uint8Array of RGBA bytes",
    ],
    ['no pixels', { data: new Uint8Array(0), width: 0, height: 2 }, '0×2 is not a size of an image'],
    ['a fraction of a pixel', { data: new Uint8Array(4), width: 0.5, height: 2 }, '0.5×2 is not a size of an image'],
    ['a path where there is no page', 'cat.jpg', /^cat\.jpg could not be fetched/],
    ['null', null, /^null \(did querySelector find nothing\?\) is not an image: pass an ImageBitmap/],
    ['nothing', undefined, /^undefined is not an image: pass/],
    ['a number', 42, /^a Number is not an image/],
    [
      'an HEIC file',
      new Blob(['x'], { type: 'image/heic' }),
      'this is an HEIC image, which browsers do not decode: convert it to JPEG',
    ],
    [
      'a file, where nothing decodes',
      new Blob(['x']),
      'nothing here decodes image files (createImageBitmap is missing): pass { data, width, height } in RGBA',
    ],
    ['a closed bitmap', tagged('ImageBitmap', { width: 0, height: 0 }), 'the ImageBitmap has been closed'],
    ['a closed frame', tagged('VideoFrame', { displayWidth: 0, displayHeight: 0 }), 'the VideoFrame has been closed'],
    [
      'an empty canvas',
      tagged('HTMLCanvasElement', { width: 0, height: 5 }),
      'the canvas has no pixels: give it a width and a height',
    ],
    [
      'a video before its first frame',
      tagged('HTMLVideoElement', { readyState: 1, videoWidth: 9, videoHeight: 9 }),
      "the video has no frame yet: wait for its 'loadeddata' event",
    ],
    [
      'an <img> on its way',
      tagged('HTMLImageElement', { complete: false, naturalWidth: 0 }),
      'the <img> has not loaded yet: await image.decode() first',
    ],
    [
      'a broken <img>',
      tagged('HTMLImageElement', { complete: true, naturalWidth: 0 }),
      'the <img> failed to load, or it is an SVG without a size',
    ],
    [
      'a texture of linear light',
      tagged('GPUTexture', { ...texture, format: 'rgba8unorm-srgb' }),
      'a GPUTexture of format rgba8unorm-srgb cannot be used: make it one of rgba8unorm, bgra8unorm, rgba16float',
    ],
    [
      'a texture that cannot be bound',
      tagged('GPUTexture', { ...texture, usage: 2 }),
      'the GPUTexture lacks the usage TEXTURE_BINDING',
    ],
    ['a volume', tagged('GPUTexture', { ...texture, dimension: '3d' }), 'the GPUTexture must be 2D and single-sampled'],
  ])('is not: %s', async (_, source, message) => {
    const error = await open(source).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      name: 'ImageError',
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
  });

  it('must fit into a texture', () => {
    expect(() => checkImageSize({ width: 10, height: 1 }, 9)).toThrow(
      "the image has 10×1 pixels, but this adapter's textures have at most 9 on a side: shrink it first, for example with " +
        'createImageBitmap(source, { resizeWidth, resizeHeight })',
    );
  });
});

function detached(): Uint8Array {
  const bytes = new Uint8Array(24);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}
