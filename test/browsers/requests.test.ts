/**
 * Pages request only the files that they need. Chrome intercepts every request of a bare page and of the demo, and lets
 * through only those to the page's server.
 */
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { modelOf } from '../runtime/models.js';
import { answered, closeDemo, type Demo, openDemo } from './demo-page.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const PAGE = `import { DenseNet } from '/dist/densenet-webgpu.js';
const picture = { data: new Uint8Array(32 * 32 * 4).fill(128), width: 32, height: 32 };
globalThis.answer = (async () => {
  const net = await DenseNet.load('/model.safetensors');
  const [best] = await net.classify(picture);
  const heat = await net.explain(picture);
  net.dispose();
  return [typeof best.index, heat.values.length > 0];
})().catch(String);`;

/** Tries what the policy forbids. */
const FORBIDDEN = `globalThis.answer = (async () => {
  const refusals = [];
  try { (0, eval)('1'); } catch (error) { refusals.push(error.name); }
  try { await WebAssembly.compile(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)); } catch (error) { refusals.push(error.name); }
  return refusals;
})();`;

/** The paths that the page requested, in order; requests to other origins are blocked, and listed in full. */
async function intercept(page: Page, origin: string): Promise<string[]> {
  const requests: string[] = [];
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const url = request.url();
    const isOurs = url.startsWith(`${origin}/`) && request.method() === 'GET';
    if (!url.startsWith('blob:')) requests.push(isOurs ? url.slice(origin.length) : `${request.method()} ${url}`);
    void (isOurs || url.startsWith('blob:') ? request.continue() : request.abort());
  });
  return requests;
}

describe.skipIf(!findBrowser('chrome'))("a bare page under script-src 'self'", () => {
  let browser: Browser;
  let server: RunningServer;

  beforeAll(async () => {
    const script = (name: string) =>
      `<!doctype html><title>page</title><link rel="icon" href="data:,"><script type="module" src="/${name}.js"></script>`;
    server = await startServer({
      folders: { '/dist/': `${ROOT}dist` },
      files: new Map<string, Uint8Array | string>([
        ['/page.html', script('page')],
        ['/page.js', PAGE],
        ['/forbidden.html', script('forbidden')],
        ['/forbidden.js', FORBIDDEN],
        ['/model.safetensors', await modelOf('densenet3-bc', 'cifar10')],
      ]),
      csp: "script-src 'self'",
    });
    browser = await launchBrowser('chrome');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  async function open(
    name: string,
  ): Promise<{ answer: unknown; requests: readonly string[]; complaints: readonly string[] }> {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    const requests = await intercept(page, server.origin);
    await page.goto(`${server.origin}/${name}.html`);
    await page.waitForFunction('globalThis.answer !== undefined');
    const answer: unknown = await page.evaluate('globalThis.answer');
    await page.close();
    return { answer, requests, complaints };
  }

  it('loads, classifies and explains, and requests its four files only', async () => {
    const { answer, requests, complaints } = await open('page');
    expect(answer).toEqual(['number', true]);
    const files = ['/dist/densenet-webgpu.js', '/model.safetensors', '/page.html', '/page.js'];
    expect([...requests].sort()).toEqual(files);
    expect(complaints).toEqual([]);
  });

  it('in which eval and WebAssembly are forbidden', async () => {
    const { answer } = await open('forbidden');
    expect(answer).toEqual(['EvalError', 'CompileError']);
  });
});

describe.skipIf(!findBrowser('chrome'))('the demo', () => {
  let demo: Demo;
  beforeAll(async () => {
    demo = await openDemo();
  });
  afterAll(() => closeDemo(demo));

  it('loads, classifies and explains, and requests only its own files, listed here', async () => {
    const page = await demo.browser.newPage();
    const requests = await intercept(page, demo.server.origin);
    await page.goto(`${demo.server.origin}/`);
    await answered(page, 'airplane');
    await page.click('#answer li:first-child button');
    await page.waitForSelector('#answer li:first-child button[aria-pressed="true"]');
    await page.close();
    expect(requests).toContain('/weights/default.safetensors');
    const known =
      /^\/$|^\/[\w-]+\.(css|js|svg|png|json)$|^\/dist\/[\w.-]+\.js$|^\/samples\/[\w-]+\.(png|json)$|^\/weights\/default\.safetensors$/;
    expect(requests.filter((request) => !known.test(request))).toEqual([]);
  });
});
