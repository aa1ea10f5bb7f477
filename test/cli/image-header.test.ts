/** Format and size of image files are read from their bytes, before anything decodes them. */
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { MAX_PIXELS, readImageHeader } from '../../src/cli/image-header.js';
import { ImageError } from '../../src/core/errors.js';
import { png } from './images.js';

const WIDTH = 37;
const HEIGHT = 21;
const base = sharp({
  create: { width: WIDTH, height: HEIGHT, channels: 4, background: { r: 9, g: 99, b: 199, alpha: 0.5 } },
});
const photo = base.clone().removeAlpha();

/** BITMAPINFOHEADER; rows from the top where the height is negative. */
function bmp(height: number): Uint8Array {
  const bytes = new Uint8Array(54);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(14, 40, true);
  view.setInt32(18, WIDTH, true);
  view.setInt32(22, height, true);
  return bytes;
}

describe('the header of', () => {
  it.each([
    ['a baseline JPEG', 'JPEG', photo.clone().jpeg()],
    ['a progressive JPEG', 'JPEG', photo.clone().jpeg({ progressive: true })],
    [
      'a JPEG behind EXIF and a profile',
      'JPEG',
      photo
        .clone()
        .withExif({ IFD0: { Artist: 'x'.repeat(9000) } })
        .withIccProfile('p3')
        .jpeg(),
    ],
    ['an 8-bit PNG', 'PNG', base.clone().png()],
    ['a lossy WebP', 'WebP', photo.clone().webp()],
    ['a lossless WebP', 'WebP', photo.clone().webp({ lossless: true })],
    ['an extended WebP', 'WebP', base.clone().webp()],
    ['a GIF', 'GIF', base.clone().gif()],
    ['an AVIF', 'AVIF', photo.clone().avif({ effort: 0 })],
  ] as const)('%s gives its format and size', async (_, format, image) => {
    const bytes = await image.toBuffer();
    expect(readImageHeader(bytes)).toEqual({ format, width: WIDTH, height: HEIGHT, depth: 8 });
    // Whatever part of a file is there, the outcome is a header or an ImageError.
    const cut = Array.from({ length: Math.min(bytes.length, 700) }, (__, length) => {
      try {
        return readImageHeader(bytes.subarray(0, length)).width;
      } catch (error) {
        expect(error).toBeInstanceOf(ImageError);
        return WIDTH;
      }
    });
    expect(new Set(cut)).toEqual(new Set([WIDTH]));
  });

  it.each([HEIGHT, -HEIGHT])('a BMP of height %i gives its format and size', (height) => {
    expect(readImageHeader(bmp(height))).toMatchObject({ format: 'BMP', width: WIDTH, height: HEIGHT });
  });

  it('a PNG gives its bits per channel', () => {
    for (const depth of [1, 8, 16] as const) {
      expect(readImageHeader(png({ width: 5, height: 4, depth, colourType: 0 }, Buffer.alloc(0)))).toMatchObject({
        depth,
      });
    }
  });
});

describe('rejected are', () => {
  it('more pixels than the limit, however few bytes they take', () => {
    const side = 16_000;
    const rows = deflateSync(Buffer.alloc(side * (1 + side / 8)));
    const bomb = png({ width: side, height: side, depth: 1, colourType: 0 }, rows);
    expect(bomb.length).toBeLessThan(40_000);
    const start = performance.now();
    expect(() => readImageHeader(bomb)).toThrow(/^the image has 16000×16000 pixels, but at most 67108864 .*: make it/);
    expect(performance.now() - start).toBeLessThan(100);
    const largest = { width: 2 ** 16, height: MAX_PIXELS / 2 ** 16, depth: 8, colourType: 0 } as const;
    expect(readImageHeader(png(largest, Buffer.alloc(0)))).toMatchObject({ width: 2 ** 16 });
  });

  it.each([
    [
      'an SVG',
      '<svg xmlns="http://www.w3.org/2000/svg" width="8000" height="8000"/>',
      /an SVG drawing, .*: export it as PNG/,
    ],
    [
      'an SVG behind an XML declaration',
      `\ufeff\n<?xml version="1.0"?><!-- ${'x'.repeat(2000)} --><svg/>`,
      /an SVG drawing/,
    ],
    ['a web page', '<!doctype html><title>404</title>', /^this is not an image: it must be JPEG, PNG/],
    ['a text', 'BMW 2002', /^this is not an image/],
    ['nothing', '', /^this is not an image/],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic', /HEIC, .*: convert it to JPEG/],
    ['HEIC with a general brand', '\0\0\0\x18ftypmif1\0\0\0\0mif1heic', /HEIC, .*: convert it to JPEG/],
    ['TIFF', 'II*\0\x08\0\0\0', /TIFF, .*: convert it to PNG/],
    ['PDF', '%PDF-1.7', /a PDF document, /],
    [
      'a PNG without a size',
      '\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\0\0\0\0\0\x08',
      /PNG file is damaged: its header gives no size/,
    ],
  ])('%s', (_, text, message) => {
    const bytes = Buffer.from(text, text.startsWith('\ufeff') ? 'utf8' : 'latin1');
    expect(() => readImageHeader(bytes)).toThrow(message);
  });
});
