/** The built bundles where users load them: a module, a plain script and a worker, in Chrome and Firefox. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { readReference, relativeError } from '../reference/fixtures.js';
import { inputOf, modelOf } from '../runtime/models.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const NAME = 'densenet3-bc';

const RUN = `async (DenseNet) => {
  const net = await DenseNet.load('/model');
  const data = new Float32Array(await (await fetch('/input')).arrayBuffer());
  const { logits } = await net.run({ data, shape: SHAPE });
  net.dispose();
  return [...logits];
}`;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind}, under a strict Content-Security-Policy`, () => {
    let browser: Browser;
    let server: RunningServer;
    let page: Page;
    const complaints: string[] = [];
    const expected = readReference(NAME).get('logits')?.values ?? [];

    beforeAll(async () => {
      const input = inputOf(NAME);
      const run = RUN.replace('SHAPE', JSON.stringify(input.shape));
      const files = new Map<string, Uint8Array | string>([
        ['/favicon.ico', ''],
        ['/model', await modelOf(NAME)],
        ['/input', new Uint8Array(input.data.buffer, input.data.byteOffset, input.data.byteLength)],
        ['/module.html', '<!doctype html><title>module</title><script type="module" src="/module.js"></script>'],
        ['/module.js', `import { DenseNet } from '/dist/densenet-webgpu.js'; globalThis.answer = (${run})(DenseNet);`],
        [
          '/script.html',
          '<!doctype html><title>script</title><script src="/dist/densenet-webgpu.iife.js"></script><script src="/script.js"></script>',
        ],
        ['/script.js', `globalThis.answer = (${run})(DenseNetWebGPU.DenseNet);`],
        ['/worker.html', '<!doctype html><title>worker</title><script type="module" src="/start.js"></script>'],
        [
          '/start.js',
          `globalThis.answer = new Promise((resolve) => { new Worker('/worker.js', { type: 'module' }).onmessage = ({ data }) => resolve(data); });`,
        ],
        ['/worker.js', `import { DenseNet } from '/dist/densenet-webgpu.js'; postMessage(await (${run})(DenseNet));`],
      ]);
      server = await startServer({
        files,
        folders: {
          '/': `${ROOT}dist/demo`,
          '/dist/': `${ROOT}dist`,
          '/samples/': `${ROOT}demo/samples`,
          '/weights/': `${ROOT}weights`,
        },
      });
      browser = await launchBrowser(kind);
      page = await browser.newPage();
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith(server.origin) && !/^(data|blob):/.test(request.url()))
          complaints.push(`request to ${request.url()}`);
      });
    });

    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    it.each(['module', 'script', 'worker'])('as a %s it gives the framework’s logits', async (way) => {
      await page.goto(`${server.origin}/${way}.html`);
      await page.waitForFunction('globalThis.answer !== undefined');
      const logits: unknown = await page.evaluate('globalThis.answer');
      expect(Array.isArray(logits)).toBe(true);
      expect(relativeError(Array.isArray(logits) ? logits.map(Number) : [], expected)).toBeLessThan(1e-4);
      expect(complaints).toEqual([]);
    });
  });
}

describe('the plain-script bundle', () => {
  it('uses no eval and no wasm', () => {
    const text = readFileSync(`${ROOT}dist/densenet-webgpu.iife.js`, 'utf8');
    expect(text).not.toMatch(/\beval\(|new Function|WebAssembly/);
  });
});
