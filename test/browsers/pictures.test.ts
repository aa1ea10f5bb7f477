/** Objects that cannot be used as images: each gives an ImageError that says what to do, and the next call works. */

import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { RunningServer } from '../../src/cli/server.js';
import { ROOT } from './demo-page.js';
import { openNetwork, outcome, serveNetwork } from './network-page.js';

const CAT = `${ROOT}demo/samples/cat.png`;
const CANVAS =
  "const canvas = Object.assign(document.createElement('canvas'), { width: 9, height: 7 }); canvas.getContext('2d').fillRect(1, 1, 3, 3);";

const FAULTS: readonly (readonly [what: string, script: string, says: RegExp])[] = [
  [
    'a closed ImageBitmap',
    `${CANVAS} const bitmap = await createImageBitmap(canvas); bitmap.close(); return net.classify(bitmap)`,
    /^ImageError: the ImageBitmap has been closed/,
  ],
  [
    'an ImageBitmap that was sent to a worker',
    `${CANVAS} const bitmap = await createImageBitmap(canvas); structuredClone(bitmap, { transfer: [bitmap] }); return net.classify(bitmap)`,
    /^ImageError: the ImageBitmap has been closed/,
  ],
  [
    'a closed VideoFrame',
    `${CANVAS} const frame = new VideoFrame(canvas, { timestamp: 0 }); frame.close(); return net.classify(frame)`,
    /^ImageError: the VideoFrame has been closed/,
  ],
  [
    'a canvas without pixels',
    "return net.classify(Object.assign(document.createElement('canvas'), { width: 0 }))",
    /^ImageError: the canvas has no pixels: give it a width and a height/,
  ],
  [
    'an OffscreenCanvas that was sent to a worker',
    `const canvas = new OffscreenCanvas(9, 7); const { port1 } = new MessageChannel(); port1.postMessage(canvas, [canvas]); return net.classify(canvas)`,
    /^ImageError: /,
  ],
  [
    'a video without a frame',
    "return net.classify(document.createElement('video'))",
    /^ImageError: the video has no frame yet: wait for its 'loadeddata' event/,
  ],
  [
    'an <img> that is loading',
    "return net.classify(Object.assign(new Image(), { src: '/model?' + Math.random() }))",
    /^ImageError: the <img> has not loaded yet: await image.decode\(\) first/,
  ],
  [
    'an <img> that is no picture',
    "const image = new Image(); await new Promise((resolve) => { image.onerror = resolve; image.src = '/model'; }); return net.classify(image)",
    /^ImageError: the <img> failed to load/,
  ],
  [
    'a file that is no picture',
    "return net.classify(new Blob(['nothing'], { type: 'image/png' }))",
    /^ImageError: the image\/png file of 7 bytes cannot be decoded as an image/,
  ],
  [
    'half a file',
    "const blob = await (await fetch('/cat')).blob(); return net.classify(blob.slice(0, 40))",
    /^ImageError: the untyped file of 40 bytes cannot be decoded/,
  ],
  ['an empty file', 'return net.classify(new Blob([]))', /^ImageError: the untyped file of 0 bytes cannot be decoded/],
  [
    'detached ImageData',
    'const image = new ImageData(3, 2); structuredClone(image.data.buffer, { transfer: [image.data.buffer] }); return net.classify(image)',
    /^ImageError: the image's data is empty or detached/,
  ],
  [
    'an element that is no picture',
    'return net.classify(document.body)',
    /^ImageError: a HTMLBodyElement is not an image: pass an ImageBitmap/,
  ],
  [
    'one bad picture of three',
    `${CANVAS} return net.classify([canvas, new Blob([]), canvas])`,
    /^ImageError: the untyped file of 0 bytes/,
  ],
];

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`an unusable image, in ${kind}`, () => {
    let browser: Browser;
    let server: RunningServer;
    let foreign: Server;
    let page: Page;
    beforeAll(async () => {
      // Allows embedding, but sends no CORS headers.
      foreign = createServer((_, response) => {
        response.writeHead(200, { 'Content-Type': 'image/png', 'Cross-Origin-Resource-Policy': 'cross-origin' });
        response.end(readFileSync(CAT));
      });
      await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
      server = await serveNetwork("default-src 'self'; img-src *");
      browser = await launchBrowser(kind);
      page = await openNetwork(browser, server);
      expect(await outcome(page, 'globalThis.first = String(await logits(0.5)); return first')).toMatch(/^-?\d/);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
      foreign?.close();
    });
    afterEach(async () => {
      expect(await outcome(page, 'return first === String(await logits(0.5))'), 'the next call').toBe('true');
    });

    it.each(FAULTS)('%s', async (_, script, says) => {
      expect(await outcome(page, script)).toMatch(says);
    });

    it('images of another origin: an <img>, and a canvas with it', async () => {
      const { port } = foreign.address() as AddressInfo;
      const load = `const image = new Image(); image.src = 'http://127.0.0.1:${port}/cat.png'; await image.decode();`;
      const says = /^ImageError: .*origin.*crossorigin/;
      expect(await outcome(page, `${load} return net.classify(image)`)).toMatch(says);
      expect(
        await outcome(
          page,
          `${load} ${CANVAS} canvas.getContext('2d').drawImage(image, 0, 0); return net.classify(canvas)`,
        ),
      ).toMatch(says);
    });
  });
}
