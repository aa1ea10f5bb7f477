/** A page with the built bundle and a small network, for tests in browsers. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { presetOf } from '../../src/preprocess/presets.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { modelFromTensors, writeModel } from '../../src/weights/model-file.js';
import { SIDE, SMALL, SMALL_MODEL } from '../runtime/models.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What the page's scripts find as globals: the package's exports, the loaded `net`, and `outcome` of what may fail. */
const SCRIPT = `
import * as exported from '/dist/densenet-webgpu.js';
Object.assign(globalThis, exported);
globalThis.input = (value) => ({ data: new Float32Array(3 * ${SIDE} ** 2).fill(value), shape: [1, 3, ${SIDE}, ${SIDE}] });
globalThis.outcome = async (work) => {
  try {
    return String(await work());
  } catch (error) {
    return isDenseNetError(error) ? error.name + ': ' + error.message : 'untyped ' + error;
  }
};
globalThis.logits = async (value, options) => [...(await net.run(input(value), options)).logits];
globalThis.net = await DenseNet.load('/model');
`;

/** The small network of the runtime's tests, for images of any size. */
function modelWithPreprocessing(): Uint8Array {
  const { tensors } = readSafetensors(SMALL_MODEL);
  const { metadata } = modelFromTensors(tensors, { bnEpsilon: SMALL.bnEpsilon });
  const resize = { kind: 'exact', size: [SIDE, SIDE], filter: 'bilinear', antialias: true } as const;
  return writeModel(tensors, { ...metadata, preprocess: { ...presetOf('cifar10'), resize, crop: null } });
}

/** @param csp for tests that load images of other origins */
export function serveNetwork(csp?: string): Promise<RunningServer> {
  return startServer({
    folders: { '/dist/': `${ROOT}dist` },
    files: new Map<string, Uint8Array | string>([
      ['/', '<!doctype html><title>network</title><script type="module" src="/page.js"></script>'],
      ['/page.js', SCRIPT],
      ['/favicon.ico', ''],
      ['/cat', readFileSync(`${ROOT}demo/samples/cat.png`)],
      ['/model', modelWithPreprocessing()],
    ]),
    ...(csp === undefined ? {} : { csp }),
  });
}

/** @param before run on the page ahead of the package */
export async function openNetwork(browser: Browser, server: RunningServer, before?: string): Promise<Page> {
  const page = await browser.newPage();
  if (before !== undefined) await page.evaluateOnNewDocument(before);
  await page.goto(`${server.origin}/`);
  await page.waitForFunction('globalThis.net !== undefined');
  return page;
}

/** Runs `script`, the body of an async function, on the page. Returns its value as a string, or the error it threw. */
export function outcome(page: Page, script: string): Promise<unknown> {
  return page.evaluate(`outcome(async () => { ${script} })`);
}
