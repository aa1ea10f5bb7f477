/** A browser's GPU goes away while calls are pending: they get their answers, or an error that says why, and soon. */
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { RunningServer } from '../../src/cli/server.js';
import { gpuProcessOf } from './gpu-process.js';
import { openNetwork, outcome, serveNetwork } from './network-page.js';

/** Enough that most are pending when the loss comes; four inputs take turns. */
const CALLS = 400;
const ALONE =
  'globalThis.alone = []; for (let i = 0; i < 4; i++) alone.push(String(await logits(i))); return alone.length';
/** How many calls got the answer to their input, and what else there was. `lose` runs when all are pending. */
const together = (lose = '') => `
  const calls = Array.from({ length: ${CALLS} }, (_, i) => outcome(() => logits(i % 4)));
  ${lose};
  const answers = await Promise.all(calls);
  const others = answers.filter((answer, i) => answer !== alone[i % 4]);
  return answers.length - others.length + ' right; ' + [...new Set(others)].join()`;
const ALL_RIGHT = `${CALLS} right; `;
/** Keeps hold of the device, which the package has asked for itself. */
const KEEP_DEVICE = `
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    globalThis.devices = [...globalThis.devices ?? [], await requestDevice.apply(this, options)];
    return devices.at(-1);
  };`;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`device.destroy() in ${kind}`, () => {
    it('during calls: each gets its own answer from a new device', async () => {
      const browser = await launchBrowser(kind);
      const server = await serveNetwork();
      try {
        const page = await openNetwork(browser, server, KEEP_DEVICE);
        expect(await outcome(page, ALONE)).toBe('4');
        expect(await outcome(page, together('devices.at(-1).destroy()'))).toBe(ALL_RIGHT);
        expect(await outcome(page, 'return devices.length')).toBe('2');
      } finally {
        await browser.close();
        await server.close();
      }
    });
  });
}

/** Ways to end the GPU process of Chrome. */
const CRASHES: readonly (readonly [how: string, crash: (browser: Browser) => Promise<void>])[] = [
  ['is killed', async (browser) => void process.kill(gpuProcessOf(browser), 'SIGKILL')],
  [
    'crashes (chrome://gpucrash)',
    async (browser) => {
      const page = await browser.newPage();
      // The address is only obeyed when it was typed in.
      const typed = { url: 'chrome://gpucrash/', transitionType: 'address_bar' } as const;
      await (await page.createCDPSession()).send('Page.navigate', typed);
      await page.close();
    },
  ],
];

const onLinux = process.platform === 'linux';
describe.skipIf(!findBrowser('chrome') || !onLinux).each(CRASHES)('the GPU process of Chrome %s', (_, crash) => {
  let browser: Browser;
  let server: RunningServer;
  let page: Page;
  beforeAll(async () => {
    // In the mode that Chrome keeps after a crash: it gives up Vulkan at the first.
    const args = [
      '--no-sandbox',
      '--disable-gpu-watchdog',
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
    ];
    browser = await puppeteer.launch({ executablePath: findBrowser('chrome') ?? '', args });
    server = await serveNetwork();
    page = await openNetwork(browser, server);
    expect(await outcome(page, ALONE)).toBe('4');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it('during calls: each gets its own answer, as do the next', async () => {
    const old = gpuProcessOf(browser);
    const answers = outcome(page, together());
    await crash(browser);
    expect(await answers).toBe(ALL_RIGHT);
    await expect.poll(() => gpuProcessOf(browser), { timeout: 20_000 }).not.toBe(old);
    expect(await outcome(page, together())).toBe(ALL_RIGHT);
  });

  it('again and again, until Chrome gives WebGPU up: then calls say so, and end', async () => {
    let said: unknown = '';
    for (let i = 0; i < 4 && !String(said).startsWith('DeviceLost'); i++) {
      await crash(browser);
      said = await outcome(page, 'return String(await logits(0)) === alone[0]');
      expect(said).toMatch(/^true$|^DeviceLostError: the GPU device was lost during recovering .*reload the page/);
    }
    expect(said).toMatch(/^DeviceLostError/);
    // All that are pending, together.
    expect(await outcome(page, together())).toMatch(
      /^0 right; DeviceLostError: [^:]*: call again, or reload the page$/,
    );
  });
});
