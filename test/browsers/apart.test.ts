/** What few pages need lies beside the bundles and is fetched when asked for; its errors are the library's own. */
import { readFileSync } from 'node:fs';
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

/** A network under a prefix, with all that a file apart is asked for; and the errors that such a file has the words for. */
const RUN = `async (library) => {
  const net = await library.DenseNet.load('/renamed');
  const picture = new ImageData(32, 32);
  const tensor = { data: new Float32Array(3072), shape: [1, 3, 32, 32] };
  const { steps } = await net.profile(picture);
  const pooled = await net.embed(picture);
  const { values } = await net.explain(picture);
  const taps = await net.taps(tensor);
  const noPicture = await net.classify('no picture').catch((error) => error);
  const noTensor = await net.run({ ...tensor, shape: [1, 1, 32, 32] }).catch((error) => error);
  net.dispose();
  const strange = await library.DenseNet.load('/strange').catch((error) => error);
  const lacking = await library.DenseNet.load('/incomplete').catch((error) => error);
  const exchanged = await library.DenseNet.load('/renamed', { integrity: 'sha256-AAAA' }).catch((error) => error);
  return {
    isMeasured: steps.length > 10 && steps.every(({ bytesRead, bytesWritten }) => bytesRead > 0 && bytesWritten > 0),
    isReadOut: pooled.data.length > 10 && values.length > 0 && taps.has('stem'),
    areOurErrors:
      strange instanceof library.ModelShapeError && lacking instanceof library.ModelShapeError &&
      exchanged instanceof library.IntegrityError &&
      noPicture instanceof library.ImageError && noTensor instanceof library.TensorShapeError,
    words: [noPicture, noTensor, lacking].map(({ message }) => message.slice(0, 40)),
  };
}`;

/** With the library's first file alone, as on a server that has not the others. */
const ALONE = `import { DenseNet } from '/alone/densenet-webgpu.js';
globalThis.answer = (async () => {
  const net = await DenseNet.load('/canonical');
  const { length } = await net.classify(new ImageData(32, 32));
  const failures = [
    net.classify('no picture'),
    net.embed(new ImageData(32, 32)),
    DenseNet.load('/strange'),
    DenseNet.load('/canonical', { integrity: 'sha256-AAAA' }),
  ];
  const errors = await Promise.all(failures.map((failure) => failure.catch((error) => error)));
  return [length, ...errors.map(({ name, message }) => name + ': ' + message)];
})();`;

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
        ['/incomplete', renamed(await modelOf(NAME), (name) => name.replace('norm5.weight', 'norm5.gamma'))],
        ['/canonical', await modelOf(NAME, 'cifar10')],
        ['/alone.html', '<!doctype html><title>alone</title><script type="module" src="/alone.js"></script>'],
        ['/alone.js', ALONE],
        ['/alone/densenet-webgpu.js', readFileSync(`${DIST}/densenet-webgpu.js`)],
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

    async function answerOf(name: string): Promise<unknown> {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/${name}.html`);
      await page.waitForFunction('globalThis.answer !== undefined');
      return page.evaluate('globalThis.answer');
    }

    it.each(['module', 'script'])('by the library as a %s', async (way) => {
      expect(await answerOf(way)).toEqual({
        isMeasured: true,
        isReadOut: true,
        areOurErrors: true,
        words: [
          'a string (fetch it, and pass the Blob) is',
          'the network takes [N, 3, H, W], not [1, 1',
          'the tensors do not make a DenseNet (its ',
        ].map((text) => text.slice(0, 40)),
      });
    });

    it('and without those files pictures are classified, and errors are of their classes', async () => {
      expect(await answerOf('alone')).toEqual([
        5,
        'ImageError: densenet-webgpu-explanations.js says why: serve it beside the library',
        'DownloadError: embed() needs densenet-webgpu-readouts.js: serve it beside the library',
        'DownloadError: a model with these tensors needs densenet-webgpu-names.js: serve it beside the library',
        'DownloadError: integrity needs densenet-webgpu-hashed.js: serve it beside the library',
      ]);
    });
  });
}
