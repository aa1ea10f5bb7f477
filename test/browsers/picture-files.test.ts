/** Image files that decoders disagree on, against Pillow: in Chrome, in Firefox and in Node. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { decodeImage } from '../../src/cli/decode-image.js';
import { readImageFile } from '../../src/cli/files.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const FOLDER = at('../fixtures/pictures/');
const FILES = readdirSync(FOLDER);
const REFERENCE = readSafetensors(readFileSync(at('../fixtures/decoded-pictures.safetensors'))).tensors;

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: ArrayLike<number>;
}

/** How far the worst pixel exceeds the allowed difference from Pillow's, of 255. */
function excess(file: string, { width, height, rgb }: Pixels, allowed: (pixel: number) => number): number {
  const tensor = REFERENCE.get(file);
  if (!tensor) throw new Error(`no reference of ${file}: run make_pictures.py`);
  expect([height, width, 3], file).toEqual(tensor.shape);
  const errors = [...tensor.bytes].map((byte, i) => Math.abs(byte - (rgb[i] ?? Number.NaN)));
  return Math.max(...errors.map((error, i) => error - allowed(Math.floor(i / 3))));
}

describe('in Node, an image file decodes as in Pillow', () => {
  it.each(FILES.filter((file) => !file.endsWith('.bmp')))('%s', async (file) => {
    const { data, width, height } = await decodeImage(await readImageFile(FOLDER + file));
    expect(excess(file, { width, height, rgb: data.filter((_, i) => i % 4 < 3) }, () => 0)).toBe(0);
  });
});

declare const read: (url: string, way: 'blob' | 'img') => Promise<Pixels>;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind}, an image file decodes as in Pillow`, () => {
    let browser: Browser;
    let server: RunningServer;
    let page: Page;

    beforeAll(async () => {
      const options = { bundle: true, format: 'esm', target: 'es2022', write: false } as const;
      const { outputFiles } = await build({ ...options, entryPoints: [at('picture-files-page.ts')] });
      const files = new Map<string, Uint8Array | string>([
        ['/', '<!doctype html><title>pictures</title><script type="module" src="/page.js"></script>'],
        ['/page.js', outputFiles[0]?.text ?? ''],
      ]);
      server = await startServer({ files, folders: { '/pictures/': FOLDER } });
      browser = await launchBrowser(kind);
      page = await browser.newPage();
      await page.goto(`${server.origin}/`);
      await page.waitForFunction('globalThis.read !== undefined');
    });

    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    it.each(FILES.flatMap((file) => [[file, 'blob'] as const, [file, 'img'] as const]))(
      '%s as %s',
      async (file, way) => {
        const pixels = await page.evaluate((url, w) => read(url, w), `/pictures/${file}`, way);
        const rounding = file.includes('-16.') && (kind === 'firefox' || way === 'img') ? 1 : 0;
        // Firefox decodes to bytes premultiplied by alpha: one step is 255 / alpha, and transparent pixels are lost.
        const { data } =
          kind === 'firefox' && !file.endsWith('.bmp')
            ? await decodeImage(await readImageFile(FOLDER + file))
            : { data: [] };
        const lost = (alpha: number) => (alpha === 255 ? 0 : alpha === 0 ? 255 : Math.ceil(255 / alpha));
        const allowed = (pixel: number) => rounding + lost(data[4 * pixel + 3] ?? 255);
        expect(excess(file, pixels, allowed), 'of 255').toBeLessThanOrEqual(0);
      },
    );
  });
}
