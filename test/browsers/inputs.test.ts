/** Inputs are read at the moment of the call: later changes do not affect the result. */
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { RunningServer } from '../../src/cli/server.js';
import { openNetwork, outcome, serveNetwork } from './network-page.js';

/** Runs on the page: answers by what they are of, three tensors and three colours. */
const KNOWN = `
  const tensor = (seed) => {
    const { data, shape } = input(0);
    return { data: data.map((_, i) => Math.sin(i * seed)), shape };
  };
  const numbersOf = (result) =>
    result.logits ?? result.toSorted((a, b) => a.index - b.index).map(({ probability }) => probability);
  const known = [];
  for (const [name, seed] of [['A', 1], ['B', 2], ['C', 3]]) known.push([name, numbersOf(await net.run(tensor(seed)))]);
  const canvas = new OffscreenCanvas(32, 32);
  const context = canvas.getContext('2d');
  const draw = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 32, 32);
    return canvas;
  };
  const COLOURS = ['red', 'lime', 'blue'];
  for (const colour of COLOURS) known.push([colour, numbersOf(await net.classify(draw(colour)))]);
  // A video frame's colours may differ in the last bit.
  const distance = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));
  const nameOf = (result) => known.find(([, numbers]) => distance(numbersOf(result), numbers) < 1e-3)?.[0] ?? 'another';
  const named = async (calls) => (await Promise.all(calls)).map(nameOf).join(' ');
`;

const CASES: readonly (readonly [name: string, script: string, expected: string])[] = [
  [
    'a tensor whose buffer is transferred',
    `await net.run(tensor(3));
     const asked = tensor(1);
     const call = net.run(asked);
     structuredClone(asked.data, { transfer: [asked.data.buffer] });
     return named([call]);`,
    'A',
  ],
  [
    'one array used for three calls',
    `const scratch = tensor(1);
     return named([1, 2, 3].map((seed) => {
       scratch.data.set(tensor(seed).data);
       return net.run(scratch);
     }));`,
    'A B C',
  ],
  [
    'an array that holds NaN after the call',
    `const asked = tensor(1);
     const call = net.run(asked);
     asked.data.fill(NaN);
     return named([call]);`,
    'A',
  ],
  [
    'one canvas drawn for three calls',
    'return named(COLOURS.map((colour) => net.classify(draw(colour))));',
    'red lime blue',
  ],
  [
    'one ImageData filled for three calls',
    `const pixels = new ImageData(32, 32);
     return named(COLOURS.map((colour) => {
       draw(colour);
       pixels.data.set(context.getImageData(0, 0, 32, 32).data);
       return net.classify(pixels);
     }));`,
    'red lime blue',
  ],
  [
    'bitmaps that are closed at once',
    `const bitmaps = COLOURS.map((colour) => (draw(colour), canvas.transferToImageBitmap()));
     return named(bitmaps.map((bitmap) => {
       const call = net.classify(bitmap);
       bitmap.close();
       return call;
     }));`,
    'red lime blue',
  ],
  [
    'video frames that are closed at once',
    `const frames = COLOURS.map((colour) => new VideoFrame(draw(colour), { timestamp: 0 }));
     return named(frames.map((frame) => {
       const call = net.classify(frame);
       frame.close();
       return call;
     }));`,
    'red lime blue',
  ],
  [
    'an <img> that shows another image afterwards',
    `const element = new Image();
     const show = async (colour) => {
       const blob = await draw(colour).convertToBlob();
       await new Promise((resolve) => Object.assign(element, { onload: resolve, src: URL.createObjectURL(blob) }));
     };
     const calls = [];
     for (const colour of COLOURS) {
       await show(colour);
       calls.push(net.classify(element));
     }
     element.src = URL.createObjectURL(await draw('white').convertToBlob());
     return named(calls);`,
    'red lime blue',
  ],
];

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`${kind} classifies what was passed:`, () => {
    let browser: Browser;
    let server: RunningServer;
    let page: Page;
    beforeAll(async () => {
      server = await serveNetwork();
      browser = await launchBrowser(kind);
      page = await openNetwork(browser, server);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    it.each(CASES)('%s', async (name, script, expected) => {
      const answer = await outcome(page, KNOWN + script);
      console.log(`${kind}, ${name}: ${answer}`);
      expect(answer).toBe(expected);
    });

    it('a texture and a buffer of the same device', async () => {
      const answer = await outcome(
        page,
        `net.dispose();
         const adapter = await navigator.gpu.requestAdapter();
         const device = await adapter.requestDevice();
         globalThis.net = await DenseNet.load('/model', { device });
         ${KNOWN}
         const { data, shape } = tensor(1);
         const buffer = device.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST });
         const calls = [1, 2, 3].map((seed) => {
           device.queue.writeBuffer(buffer, 0, tensor(seed).data);
           return net.run({ data: buffer, shape });
         });
         const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_SRC | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
         const texture = device.createTexture({ size: [32, 32], format: 'rgba8unorm', usage });
         calls.push(...COLOURS.map((colour) => {
           device.queue.copyExternalImageToTexture({ source: draw(colour) }, { texture }, [32, 32]);
           return net.classify(texture);
         }));
         return named(calls);`,
      );
      expect(answer).toBe('A B C red lime blue');
    });
  });
}
