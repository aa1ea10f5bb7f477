/** `hf:` ids through the built bundles. */
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { type HubServer, startHub } from '../reference/hub-server.js';
import { SMALL_MODEL } from '../runtime/models.js';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const CONFIG = JSON.stringify({ id2label: { 0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e' } });

/** The labels of a model, and what is said of one that is gated. */
const RUN = `async ({ DenseNet, DownloadError }, hub) => {
  const net = await DenseNet.load('hf:some/small', { hub, inputSize: [8, 8] });
  const refusal = await DenseNet.load('hf:some/gated', { hub }).catch((error) => error);
  net.dispose();
  return [net.labels, refusal instanceof DownloadError, refusal.status];
}`;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind}`, () => {
    let browser: Browser;
    let server: RunningServer;
    let hub: HubServer;
    let page: Page;

    beforeAll(async () => {
      hub = await startHub({
        'some/small': { revisions: { main: { 'model.safetensors': SMALL_MODEL, 'config.json': CONFIG } } },
        'some/gated': { revisions: {}, gated: true },
      });
      const call = (library: string) => `globalThis.answer = (${RUN})(${library}, '${hub.origin}');`;
      const html = (scripts: string) => `<!doctype html><title>hub</title>${scripts}`;
      const files = new Map<string, string>([
        ['/favicon.ico', ''],
        ['/module.html', html('<script type="module" src="/module.js"></script>')],
        ['/module.js', `import * as library from '/dist/densenet-webgpu.js'; ${call('library')}`],
        [
          '/script.html',
          html('<script src="/dist/densenet-webgpu.iife.js"></script><script src="/script.js"></script>'),
        ],
        ['/script.js', call('DenseNetWebGPU')],
      ]);
      const csp = `default-src 'self'; script-src 'self'; connect-src ${hub.origin}`;
      server = await startServer({ files, folders: { '/dist/': DIST }, csp });
      browser = await launchBrowser(kind);
      page = await browser.newPage();
    });

    afterAll(async () => {
      await browser?.close();
      await server?.close();
      await hub?.close();
    });

    it.each(['module', 'script'])('as a %s', async (way) => {
      await page.goto(`${server.origin}/${way}.html`);
      await page.waitForFunction('globalThis.answer !== undefined');
      expect(await page.evaluate('globalThis.answer')).toEqual([['a', 'b', 'c', 'd', 'e'], true, 401]);
    });
  });
}
