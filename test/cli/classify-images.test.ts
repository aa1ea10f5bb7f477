/** `classify` on image files of every kind: what is refused, and that the same file gives the same answer everywhere. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { dawnGpu } from '../../src/cli/dawn.js';
import { decodeImage, decodeRange } from '../../src/cli/decode-image.js';
import { readImageFile } from '../../src/cli/files.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { DenseNet } from '../../src/index.js';
import { hasDriver } from '../kernels/dawn.js';
import { readBytes } from '../reference/fixtures.js';
import { gray16, png } from './images.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OUT = mkdtempSync(join(tmpdir(), 'densenet-webgpu-images-'));
afterAll(() => rmSync(OUT, { recursive: true }));
const at = (name: string): string => join(OUT, name);

interface Result {
  readonly image: string;
  readonly error?: string;
  readonly top?: readonly { readonly label: string; readonly probability: number }[];
}

function classify(...args: string[]): { status: number | null; stderr: string; results: readonly Result[] } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'dist/cli/main.js'), 'classify', ...args, '--json'],
    { encoding: 'utf8', timeout: 110_000 },
  );
  return { status, stderr, results: stdout === '' ? [] : JSON.parse(stdout).results };
}

const BACKENDS = [...(findBrowser('chrome') ? ['chrome'] : []), 'node'];
/** A picture whose class changes when it is turned, on RGB without alpha. */
const SHIP = sharp(join(ROOT, 'demo/samples/ship.png')).removeAlpha();

describe.each(BACKENDS)('classify --backend %s', (backend) => {
  it('refuses each file that is no raster image, or too large, and classifies the others', async () => {
    const folder = at(`mixed-${backend}`);
    mkdirSync(join(folder, 'empty'), { recursive: true });
    const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(folder, name), bytes);
    cpSync(join(ROOT, 'demo/samples/ship.png'), join(folder, 'ship.png'));
    write(
      'huge.png',
      png({ width: 16_000, height: 16_000, depth: 1, colourType: 0 }, deflateSync(Buffer.alloc(2 ** 25))),
    );
    write('drawing.jpg', '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><image href="ship.png"/></svg>');
    write('phone.jpg', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'));
    write('scan.png', await SHIP.clone().tiff().toBuffer());
    write('half.png', (await SHIP.clone().png().toBuffer()).subarray(0, 500));
    write('notes.txt', 'not an image');
    const start = performance.now();
    const { status, stderr, results } = classify(
      ...['none.png', join(folder, 'empty'), join(folder, '*.gif'), folder, '--backend', backend],
    );
    console.log(`${backend}: ${(performance.now() - start).toFixed(0)} ms`);
    expect(status, stderr).toBe(1);
    const found = results.map(({ image, error, top }) => [basename(image), error ?? top?.[0]?.label]);
    expect(found).toEqual([
      ['none.png', 'there is no such file: check the path'],
      ['empty', 'there are no images in this folder'],
      ['*.gif', 'no file matches it'],
      ['drawing.jpg', expect.stringMatching(/an SVG drawing.*: export it as PNG/)],
      ['half.png', expect.stringMatching(/cannot be decoded/)],
      ['huge.png', expect.stringMatching(/^the image has 16000×16000 pixels, but at most/)],
      ['phone.jpg', expect.stringMatching(/HEIC.*: convert it to JPEG/)],
      ['scan.png', expect.stringMatching(/TIFF.*: convert it to PNG/)],
      ['ship.png', 'ship'],
    ]);
    for (const { image, error } of results) if (error) expect(stderr).toContain(`${image}: ${error}\n`);
  });

  it('applies the EXIF orientation of JPEG and PNG, and ignores that of WebP, as browsers do', async () => {
    const turned = SHIP.clone().withMetadata({ orientation: 6 });
    await SHIP.clone().rotate(90).png().toFile(at('turned.png'));
    await turned.clone().png().toFile(at('exif.png'));
    await turned.clone().webp({ lossless: true }).toFile(at('exif.webp'));
    await SHIP.clone().png().toFile(at('plain.png'));
    const names = ['plain.png', 'turned.png', 'exif.png', 'exif.webp'];
    const { status, stderr, results } = classify(...names.map(at), '--backend', backend, '--top', '10');
    expect(status, stderr).toBe(0);
    const [plain, rotated, exifPng, exifWebp] = results.map(({ top }) => top);
    expect(exifPng).toEqual(rotated);
    expect(exifWebp).toEqual(plain);
    expect(rotated?.[0]?.probability).not.toBeCloseTo(plain?.[0]?.probability ?? 0, 2);
  });

  it('warns of 16-bit PNGs that use fewer bits, and takes their range from --range', () => {
    const ramp = (largest: number) => gray16(32, 32, (x, y) => Math.round((largest * (32 * y + x)) / 1023));
    writeFileSync(at('12-bit.png'), ramp(4095));
    writeFileSync(at('16-bit.png'), ramp(65535));
    const run = (...options: string[]) =>
      classify(at('12-bit.png'), at('16-bit.png'), '--backend', backend, ...options);
    const plain = run();
    expect(plain.stderr).toMatch(
      /12-bit\.png: warning: 16 bits per value, but the largest value is 4095\. If this is 12-bit data, only 4 bits .*--range 4095/,
    );
    expect(plain.stderr).not.toContain('16-bit.png');
    const ranged = run('--range', '4095');
    expect(ranged.stderr).not.toContain('warning');
    // The reference is the same ramp over all 16 bits, of which decoders keep the high 8 instead of rounding.
    const best = ({ results }: typeof plain, i: number) => results[i]?.top?.[0]?.probability ?? Number.NaN;
    const [error, plainError] = [best(ranged, 0), best(plain, 0)].map((value) => Math.abs(value - best(plain, 1)));
    console.log(`${backend}: off by ${error?.toFixed(4)} with --range, by ${plainError?.toFixed(4)} without`);
    expect(error).toBeLessThan(0.25 * (plainError ?? 0));
  });
});

describe('--range', () => {
  it('of all 16 bits is no warning, and one that is no number is wrong usage', () => {
    writeFileSync(
      at('dark.png'),
      gray16(32, 32, (x) => 100 * x),
    );
    expect(classify(at('dark.png'), '--backend', 'node').stderr).toContain('dark.png: warning');
    expect(classify(at('dark.png'), '--backend', 'node', '--range', '65535').stderr).not.toContain('warning');
    expect(classify(at('dark.png'), '--range', '0')).toMatchObject({ status: 2 });
  });
});

describe('decoding in Node', () => {
  it('spreads 0 to --range over 0 to 255, and leaves alpha alone', async () => {
    writeFileSync(
      at('values.png'),
      gray16(5, 1, (x) => [0, 1, 2048, 4095, 60_000][x] ?? 0),
    );
    const { data } = await decodeRange(await readImageFile(at('values.png')), 4095);
    expect([...data].filter((_, i) => i % 4 === 0)).toEqual([0, 0, 128, 255, 255]);
    expect([...data].filter((_, i) => i % 4 === 3)).toEqual([255, 255, 255, 255, 255]);
    const whole = await decodeImage(await readImageFile(at('values.png')));
    expect([...whole.data].filter((_, i) => i % 4 === 0)).toEqual([0, 0, 8, 15, 234]);
  });

  it('says when a format can be decoded in browsers only', async () => {
    const file = await readImageFile(join(ROOT, 'test/fixtures/pictures/colour.bmp'));
    await expect(decodeImage(file)).rejects.toThrow(/^this is BMP, .*: convert it to PNG, or use --backend chrome$/);
  });
});

describe('an image wider than 8192 pixels', () => {
  it.runIf(hasDriver('lavapipe'))('is classified where the adapter has larger textures', async () => {
    const model = readBytes(join(ROOT, 'weights/default.safetensors'));
    const net = await DenseNet.load(model, { gpu: await dawnGpu('lavapipe') });
    const [best] = await net.classify({ data: new Uint8Array(4 * 9000 * 100).fill(90), width: 9000, height: 100 });
    expect(best?.probability).toBeGreaterThan(0.1);
    const tooWide = { data: new Uint8Array(4 * 40_000), width: 40_000, height: 1 };
    await expect(net.classify(tooWide)).rejects.toThrow(
      /40000×1 pixels, but this adapter's textures have at most 16384/,
    );
    net.dispose();
  });
});
