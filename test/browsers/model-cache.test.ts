/** `load(url, { cache: true })`: a model is downloaded once, is there offline, and is never a broken or an old one. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { randomModel } from '../../src/bench/random-model.js';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { SIDE, SMALL, SMALL_MODEL } from '../runtime/models.js';
import { outcome } from './network-page.js';

const LIBRARY = readFileSync(fileURLToPath(new URL('../../dist/densenet-webgpu.js', import.meta.url)));
const OTHER_MODEL = randomModel(SMALL, 2);
const INTEGRITY = `sha256-${createHash('sha256').update(SMALL_MODEL).digest('base64')}`;

const PAGE = `<!doctype html><title>cache</title><script type="module">
import { DenseNet, isDenseNetError } from '/library.js';
globalThis.DenseNet = DenseNet;
globalThis.outcome = async (work) => {
  try { return String(await work()); } catch (error) { return error.name + ': ' + error.message; }
};
/** Loads the model and gives its first logit, and whether it came from the cache. */
globalThis.ask = async (options = {}) => {
  let fromCache = false;
  const onProgress = (progress) => { fromCache ||= progress.fromCache === true; };
  const warnings = [];
  const onWarning = ({ name }) => warnings.push(name);
  const net = await DenseNet.load('/model', { cache: true, inputSize: [${SIDE}, ${SIDE}], onProgress, onWarning, ...options });
  const data = new Float32Array(${3 * SIDE * SIDE}).fill(0.5);
  const { logits } = await net.run({ data, shape: [1, 3, ${SIDE}, ${SIDE}] });
  net.dispose();
  return [logits[0].toFixed(4), fromCache ? 'kept' : 'downloaded', ...warnings].join(' ');
};
</script>`;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind} a model`, () => {
    let browser: Browser;
    let server: Server;
    let page: Page;
    let model: Uint8Array = SMALL_MODEL;
    /** Bytes of the model that are sent, of those announced. */
    let sent = Number.POSITIVE_INFINITY;
    let isOffline = false;
    let requests: string[] = [];

    beforeAll(async () => {
      server = createServer((request, response) => {
        if (request.url === '/') return response.setHeader('content-type', 'text/html').end(PAGE);
        if (request.url === '/library.js') return response.setHeader('content-type', 'text/javascript').end(LIBRARY);
        if (request.url !== '/model') return response.writeHead(404).end();
        if (isOffline) return response.destroy();
        requests.push(request.method ?? '');
        const etag = `"${createHash('md5').update(model).digest('hex')}"`;
        response.writeHead(200, { etag, 'cache-control': 'no-store' });
        return request.method === 'HEAD' ? response.end() : response.end(model.subarray(0, sent));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      browser = await launchBrowser(kind);
      page = await browser.newPage();
      const address = server.address();
      await page.goto(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`);
      await page.waitForFunction('globalThis.ask !== undefined');
    });
    afterAll(async () => {
      await browser?.close();
      server?.close();
    });
    beforeEach(async () => {
      [model, sent, isOffline, requests] = [SMALL_MODEL, Number.POSITIVE_INFINITY, false, []];
      await outcome(page, 'await DenseNet.clearCache();');
    });

    const ask = (options = '{}') => outcome(page, `return ask(${options});`);

    it('is downloaded once, and then only asked for by its ETag', async () => {
      const first = await ask();
      expect(first).toMatch(/downloaded$/);
      expect(await ask()).toBe(String(first).replace('downloaded', 'kept'));
      expect(requests).toEqual(['GET', 'HEAD']);
    });

    it('is there offline, and not after clearCache()', async () => {
      await ask();
      isOffline = true;
      expect(await ask()).toMatch(/kept$/);
      await outcome(page, 'await DenseNet.clearCache();');
      expect(await ask()).toMatch(/^DownloadError/);
    });

    it('is downloaded again when the server has another', async () => {
      const first = String(await ask());
      model = OTHER_MODEL;
      const second = String(await ask());
      expect(second).toMatch(/downloaded$/);
      expect(second).not.toBe(first);
      expect(await ask()).toBe(second.replace('downloaded', 'kept'));
    });

    it('is not kept when its download ends early', async () => {
      sent = SMALL_MODEL.length - 8;
      expect(await ask()).toMatch(/^DownloadError/);
      sent = Number.POSITIVE_INFINITY;
      expect(await ask()).toMatch(/downloaded$/);
    });

    it('that has a hash needs no request, and no other file passes for it', async () => {
      await ask();
      requests = [];
      expect(await ask(`{ integrity: '${INTEGRITY}' }`)).toMatch(/kept$/);
      expect(requests).toEqual([]);
      model = OTHER_MODEL;
      await ask();
      model = SMALL_MODEL;
      expect(await ask(`{ integrity: '${INTEGRITY}' }`)).toMatch(/downloaded$/);
    });

    it('that the browser has no room for is loaded all the same, with a warning', async () => {
      const answer = await outcome(
        page,
        `const put = Cache.prototype.put;
         Cache.prototype.put = async () => { throw new DOMException('the quota is spent', 'QuotaExceededError'); };
         try { return await ask(); } finally { Cache.prototype.put = put; }`,
      );
      expect(answer).toMatch(/downloaded CacheError$/);
    });
  });
}
