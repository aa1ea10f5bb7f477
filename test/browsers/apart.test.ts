/** What few pages need lies beside the bundles and is fetched when asked for; its errors are the library's own. */
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.js';
import { modelOf } from '../runtime/models.js';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const NAME = 'densenet3-bc';

/** A network under a prefix, its profile; and the error that a file of unreadable names gives. */
const RUN = `async (library) => {
  const net = await library.DenseNet.load('/renamed');
  const { steps } = await net.profile(new ImageData(32, 32));
  const noPicture = await net.classify('no picture').catch((error) => error);
  net.dispose();
  const error = await library.DenseNet.load('/strange').catch((error) => error);
  return {
    isMeasured: steps.length > 10 && steps.every(({ bytesRead, bytesWritten }) => bytesRead > 0 && bytesWritten > 0),
    isOurError: error instanceof library.ModelShapeError && noPicture instanceof library.ImageError,
  };
}`;

/** The model file with other names. */
function renamed(model: Uint8Array, rename: (name: string) => string): Uint8Array {
  const { tensors, metadata } = readSafetensors(model);
  const under = [...tensors.values()].map((tensor) => ({ ...tensor, name: rename(tensor.name) }));
  return writeSafetensors(under, metadata);
}

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind}`, () => {
    let browser: Browser;
    let server: RunningServer;

    beforeAll(async () => {
      const files = new Map<string, Uint8Array | string>([
        ['/favicon.ico', ''],
        ['/renamed', renamed(await modelOf(NAME, 'cifar10'), (name) => `module.${name}`)],
        ['/strange', renamed(await modelOf(NAME), (name) => name.replace('denselayer', 'lair'))],
        ['/module.html', '<!doctype html><title>module</title><script type="module" src="/module.js"></script>'],
        ['/module.js', `import * as library from '/dist/densenet-webgpu.js'; globalThis.answer = (${RUN})(library);`],
        [
          '/script.html',
          '<!doctype html><title>script</title><script src="/dist/densenet-webgpu.iife.js"></script><script src="/script.js"></script>',
        ],
        ['/script.js', `globalThis.answer = (${RUN})(DenseNetWebGPU);`],
      ]);
      server = await startServer({ files, folders: { '/dist/': DIST } });
      browser = await launchBrowser(kind);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    it.each(['module', 'script'])('by the library as a %s', async (way) => {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/${way}.html`);
      await page.waitForFunction('globalThis.answer !== undefined');
      expect(await page.evaluate('globalThis.answer')).toEqual({ isMeasured: true, isOurError: true });
    });
  });
}
