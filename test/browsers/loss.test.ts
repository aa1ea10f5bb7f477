/** Device loss in browsers while calls are pending: each resolves, or rejects soon with DeviceLostError. */
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import type { RunningServer } from '../../src/cli/server.js';
import { gpuProcessOf } from './gpu-process.js';
import { openNetwork, outcome, serveNetwork } from './network-page.js';

/** Enough calls that most are pending at the loss; four inputs take turns. */
const CALLS = 400;
const ALONE =
  'globalThis.alone = []; for (let i = 0; i < 4; i++) alone.push(String(await logits(i))); return alone.length';
/** How many calls got the result for their input, and every other outcome. `lose` runs while all are pending. */
const together = (lose = '') => `
  const calls = Array.from({ length: ${CALLS} }, (_, i) => outcome(() => logits(i % 4)));
  ${lose};
  const answers = await Promise.all(calls);
  const others = answers.filter((answer, i) => answer !== alone[i % 4]);
  return answers.length - others.length + ' right; ' + [...new Set(others)].join()`;
const ALL_RIGHT = `${CALLS} right; `;
/** Keeps the device that the package has requested. */
const KEEP_DEVICE = `
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...options) {
    globalThis.devices = [...globalThis.devices ?? [], await requestDevice.apply(this, options)];
    return devices.at(-1);
  };`;

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`device.destroy() in ${kind}`, () => {
    it('during calls: each gets its own result from a new device', async () => {
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
      // Chrome obeys this address only when it is typed.
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
    // The mode that Chrome keeps after a crash: it gives up Vulkan after the first.
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

  it('during calls: each gets its own result, as do later calls', async () => {
    const old = gpuProcessOf(browser);
    const answers = outcome(page, together());
    await crash(browser);
    expect(await answers).toBe(ALL_RIGHT);
    await expect.poll(() => gpuProcessOf(browser), { timeout: 20_000 }).not.toBe(old);
    expect(await outcome(page, together())).toBe(ALL_RIGHT);
  });

  it('repeatedly, until Chrome disables WebGPU: then calls reject with DeviceLostError', async () => {
    let said: unknown = '';
    for (let i = 0; i < 4 && !String(said).startsWith('DeviceLost'); i++) {
      await crash(browser);
      said = await outcome(page, 'return String(await logits(0)) === alone[0]');
      expect(said).toMatch(/^true$|^DeviceLostError: the GPU device was lost during recovering .*reload the page/);
    }
    expect(said).toMatch(/^DeviceLostError/);
    // All pending calls together.
    expect(await outcome(page, together())).toMatch(
      /^0 right; DeviceLostError: [^:]*: call again, or reload the page$/,
    );
  });
});
