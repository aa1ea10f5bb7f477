/** The library is one file: as a module, as a plain script from another origin, and bundled into a worker by Vite. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { modelOf } from '../runtime/models.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'dist');
const EVERY_METHOD = fileURLToPath(new URL('every-method.js', import.meta.url));
const NAME = 'densenet3-bc';

/** The model file with other names. */
function renamed(model: Uint8Array, rename: (name: string) => string): Uint8Array {
  const { tensors, metadata } = readSafetensors(model);
  const under = [...tensors.values()].map((tensor) => ({ ...tensor, name: rename(tensor.name) }));
  return writeSafetensors(under, metadata);
}

/** A page for which a module worker calls every method, as `vite build` makes it without a configuration. */
const VITE_PROJECT = {
  'index.html': '<!doctype html><title>worker</title><script type="module" src="/main.js"></script>',
  'main.js': `
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    globalThis.answer = new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    });`,
  'worker.js': `
    import * as library from 'densenet-webgpu';
    import { everyMethod } from './every-method.js';
    everyMethod(library).then(postMessage);`,
};

/** @returns the folder of the built page */
function viteBuild(folder: string): string {
  for (const [name, text] of Object.entries(VITE_PROJECT)) writeFileSync(join(folder, name), text);
  copyFileSync(EVERY_METHOD, join(folder, 'every-method.js'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/densenet-webgpu'));
  execFileSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build'], { cwd: folder });
  return join(folder, 'dist');
}

/** Serves the plain script from another origin, without CORS headers. */
async function serveScript(): Promise<{ readonly server: Server; readonly url: string }> {
  const script = readFileSync(join(DIST, 'densenet-webgpu.iife.js'));
  const server = createServer((_, response) => response.setHeader('Content-Type', 'text/javascript').end(script));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/` };
}

const html = (scripts: string): string => `<!doctype html><title>one file</title>${scripts}`;
const CALL = "import { everyMethod } from '/every-method.js';\nglobalThis.answer = everyMethod";

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`in ${kind}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-vite-'));
    let browser: Browser;
    let server: RunningServer;
    let other: Server;

    beforeAll(async () => {
      const script = await serveScript();
      other = script.server;
      const files = new Map<string, Uint8Array | string>([
        ['/favicon.ico', ''],
        ['/renamed', renamed(await modelOf(NAME, 'cifar10'), (name) => `module.${name}`)],
        ['/strange', renamed(await modelOf(NAME), (name) => name.replace('denselayer', 'lair'))],
        ['/incomplete', renamed(await modelOf(NAME), (name) => name.replace('norm5.weight', 'norm5.gamma'))],
        ['/every-method.js', readFileSync(EVERY_METHOD)],
        ['/module.html', html('<script type="module" src="/module.js"></script>')],
        ['/module.js', `import * as library from '/dist/densenet-webgpu.js';\n${CALL}(library);`],
        ['/script.html', html(`<script src="${script.url}"></script><script type="module" src="/script.js"></script>`)],
        ['/script.js', `${CALL}(DenseNetWebGPU);`],
      ]);
      server = await startServer({ files, folders: { '/dist/': DIST, '/': viteBuild(folder) }, headers: {}, csp: '' });
      browser = await launchBrowser(kind);
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
      other?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each([
      ['a module', 'module.html'],
      ['a plain script from another origin, without crossorigin', 'script.html'],
      ['a module worker of a page that `vite build` made', 'index.html'],
    ])('%s runs every method and explains every error', async (_, path) => {
      const page = await browser.newPage();
      await page.goto(`${server.origin}/${path}`);
      await page.waitForFunction('globalThis.answer !== undefined');
      expect(await page.evaluate('globalThis.answer')).toEqual({
        supported: true,
        isTuned: true,
        isMeasured: true,
        lengths: [5, 10, true, true],
        intermediates: [true, true],
        taught: ['dark', 'light', true],
        isSameInF16: true,
        areOurs: true,
        errors: [
          'ImageError: /no-image answered 404 Not Found',
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
