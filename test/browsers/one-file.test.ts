/** The library is one file: as a module, and as a plain script from another origin, everything works from it alone. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { modelOf } from '../runtime/models.js';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const NAME = 'densenet3-bc';

/** Calls every method, and causes errors whose messages need the whole library. */
const RUN = `async (library) => {
  const { DenseNet } = library;
  const errorOf = (promise) => promise.then(() => null, (error) => error);
  const image = new ImageData(32, 32);
  const tensor = { data: new Float32Array(3072), shape: [1, 3, 32, 32] };
  const net = await DenseNet.load('/renamed', { tune: { budget: 1 } });
  const best = await net.classify(image);
  const { logits } = await net.run(tensor);
  const { steps } = await net.profile(image);
  const pooled = await net.embed(image);
  const { values } = await net.explain(image);
  const taps = await net.taps(tensor);
  const errors = [await errorOf(net.classify(null)), await errorOf(net.run({ ...tensor, shape: [1, 1, 32, 32] }))];
  net.dispose();
  const half = await DenseNet.load('/renamed', { precision: 'f16' });
  const halfBest = await half.classify(image);
  half.dispose();
  errors.push(
    await errorOf(DenseNet.load('/strange')),
    await errorOf(DenseNet.load('/incomplete')),
    await errorOf(DenseNet.load('/renamed', { integrity: 'sha256-AAAA' })),
    await errorOf(DenseNet.load('hf:nobody')),
  );
  return {
    isTuned: net.tuning !== null,
    isMeasured: steps.length > 10 && steps.every(({ bytesRead, bytesWritten }) => bytesRead > 0 && bytesWritten > 0),
    lengths: [best.length, logits.length, pooled.data.length > 10, values.length > 0, taps.has('stem')],
    isSameInF16: halfBest[0].index === best[0].index,
    areOurs: errors.every((error) => error instanceof library[error.name] && library.isDenseNetError(error)),
    errors: errors.map(({ name, message }) => name + ': ' + message.slice(0, 32)),
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
    /** Another origin, which sends no CORS headers. */
    let cdn: Server;

    beforeAll(async () => {
      const script = readFileSync(`${DIST}/densenet-webgpu.iife.js`);
      cdn = createServer((_, response) => response.setHeader('Content-Type', 'text/javascript').end(script));
      await new Promise<void>((resolve) => cdn.listen(0, '127.0.0.1', resolve));
      const address = cdn.address();
      const port = typeof address === 'object' ? address?.port : 0;
      const html = (scripts: string) => `<!doctype html><title>one file</title>${scripts}`;
      const files = new Map<string, Uint8Array | string>([
        ['/favicon.ico', ''],
        ['/renamed', renamed(await modelOf(NAME, 'cifar10'), (name) => `module.${name}`)],
        ['/strange', renamed(await modelOf(NAME), (name) => name.replace('denselayer', 'lair'))],
        ['/incomplete', renamed(await modelOf(NAME), (name) => name.replace('norm5.weight', 'norm5.gamma'))],
        ['/module.html', html('<script type="module" src="/module.js"></script>')],
        ['/module.js', `import * as library from '/dist/densenet-webgpu.js'; globalThis.answer = (${RUN})(library);`],
        ['/script.html', html(`<script src="http://127.0.0.1:${port}/"></script><script src="/script.js"></script>`)],
        ['/script.js', `globalThis.answer = (${RUN})(DenseNetWebGPU);`],
      ]);
      server = await startServer({ files, folders: { '/dist/': DIST }, headers: {}, csp: '' });
      browser = await launchBrowser(kind);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
      cdn?.close();
    });

    it.each([
      ['a module', 'module'],
      ['a plain script from another origin, without crossorigin', 'script'],
    ])('%s runs every method and explains every error', async (_, name) => {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/${name}.html`);
      await page.waitForFunction('globalThis.answer !== undefined');
      expect(await page.evaluate('globalThis.answer')).toEqual({
        isTuned: true,
        isMeasured: true,
        lengths: [5, 10, true, true, true],
        isSameInF16: true,
        areOurs: true,
        errors: [
          'ImageError: null (did querySelector find not',
          'TensorShapeError: the network takes [N, 3, H, W], ',
          'ModelShapeError: not a DenseNet that we know: non',
          'ModelShapeError: the tensors do not make a DenseN',
          "IntegrityError: the model's hash is sha256-",
          'ModelFormatError: hf:nobody is no id of the Hub: w',
        ].map((text) => expect.stringContaining(text)),
      });
    });
  });
}
