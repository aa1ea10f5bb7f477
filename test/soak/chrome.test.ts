/** Long use in Chrome leaks neither GPU buffers nor JavaScript memory. */
import type { Browser, CDPSession, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { RunningServer } from '../../src/cli/server.js';
import { openNetwork, outcome, serveNetwork } from '../browsers/network-page.js';
import { COUNTS, GROWTH, PATIENCE_MS, report, soak } from './lengths.js';

/** Inferences or loads that the page does for one message. */
const INFERENCES = 50;
const LOADS = 2;

/** Counts the buffers and textures that are not destroyed. */
const COUNT = `
globalThis.alive = 0;
for (const method of ['createBuffer', 'createTexture']) {
  const create = GPUDevice.prototype[method];
  GPUDevice.prototype[method] = function (descriptor) {
    const made = create.call(this, descriptor);
    const destroy = made.destroy.bind(made);
    let isAlive = true;
    alive++;
    made.destroy = () => {
      if (isAlive) alive--;
      isAlive = false;
      destroy();
    };
    return made;
  };
}`;
const PREPARE = `
globalThis.device = await (await navigator.gpu.requestAdapter()).requestDevice();
globalThis.canvas = new OffscreenCanvas(20, 30);
canvas.getContext('2d').fillRect(3, 4, 5, 6);
const bytes = new Uint8Array(await (await fetch('/model')).arrayBuffer());
globalThis.load = (options) => DenseNet.load(bytes, { device, ...options });
return alive`;
const INFER = `
for (let i = 0; i < ${INFERENCES / 5}; i++) {
  await net.run(input(i));
  await Promise.all([net.classify(canvas), net.classify([canvas, canvas]), net.explain(canvas)]);
  await net.run(input(i), { signal: AbortSignal.abort() }).catch(() => 0);
}
return alive`;
const LOAD = `
for (let i = 0; i < ${LOADS}; i++) {
  const other = await load();
  if (i) await other.classify(canvas);
  other.dispose();
}
return alive`;
const ABORT = `
for (const phase of ['upload', 'compile']) {
  const controller = new AbortController();
  const onProgress = (progress) => progress.phase === phase && controller.abort();
  await load({ signal: controller.signal, onProgress }).catch((error) => error.name === 'AbortedError' || Promise.reject(error));
}
// An aborted load finishes the compilations that it began, and is kept until then. This load waits for them.
(await load()).dispose();
for (let i = 0; i < 100 && alive > before; i++) await new Promise((resolve) => setTimeout(resolve, 100));
return alive`;

describe.skipIf(!findBrowser('chrome'))('in Chrome', () => {
  let browser: Browser;
  let server: RunningServer;
  let page: Page;
  let debug: CDPSession;
  let alive: unknown;

  beforeAll(async () => {
    browser = await launchBrowser('chrome');
    server = await serveNetwork();
    page = await openNetwork(browser, server, COUNT);
    debug = await page.createCDPSession();
    await outcome(page, PREPARE);
    await outcome(page, INFER);
    alive = await outcome(page, 'globalThis.before = alive; return alive');
    expect(Number(alive)).toBeGreaterThan(5);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  const heap = async () => {
    await debug.send('HeapProfiler.collectGarbage');
    return (await debug.send('Runtime.getHeapUsage')).usedSize;
  };
  /** How many pipelines are not garbage collected. */
  const pipelines = async (): Promise<number> => {
    await heap();
    const { result } = await debug.send('Runtime.evaluate', { expression: 'GPUComputePipeline.prototype' });
    const { objects } = await debug.send('Runtime.queryObjects', { prototypeObjectId: result.objectId ?? '' });
    const { result: list } = await debug.send('Runtime.callFunctionOn', {
      ...{ objectId: objects.objectId ?? '', returnByValue: true },
      functionDeclaration: 'function () { return this.length; }',
    });
    await debug.send('Runtime.releaseObject', { objectId: objects.objectId ?? '' });
    return Number(list.value);
  };

  it('a device that outlives its networks keeps nothing of them', async () => {
    const before = await pipelines();
    expect(before).toBeGreaterThan(5);
    for (let i = 0; i < 3; i++) expect(await outcome(page, LOAD)).toBe(alive);
    await expect.poll(pipelines, { timeout: 20_000 }).toBe(before);
  });

  it.each([
    ['inferences of every kind', INFER, COUNTS.inferences, INFERENCES],
    ['loads and disposals', LOAD, COUNTS.loads, LOADS],
    ['loads that are aborted', ABORT, COUNTS.abortedLoads, 2],
  ])('%s', { timeout: PATIENCE_MS }, async (what, script, count, each) => {
    const start = performance.now();
    const step = async () => expect(await outcome(page, script)).toBe(alive);
    const used = await soak(Math.ceil(count / each), step, heap);
    expect(used[1] - used[0], 'growth of the heap').toBeLessThan(GROWTH);
    report(`Chrome, ${what}`, count, used, start);
  });
});
