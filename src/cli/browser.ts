/** A headless browser with WebGPU: on a real GPU if there is one, else on a software GPU. */
import { tmpdir } from 'node:os';
import puppeteer, { type Browser } from 'puppeteer-core';
import { WebGPUUnavailableError } from '../core/errors.js';
import { within } from './deadline.js';
import type { BrowserKind } from './installed-browsers.js';
import { CHOICES, obtainBrowser } from './obtain-browser.js';
import { startServer } from './server.js';

/**
 * Quiet: no first-run pages, no updates, no background traffic. And without the watchdog, which ends a GPU process that
 * computes for long, as a software GPU may, and Chrome falls back to one by itself; every wait here has its own end.
 */
const CHROME_FLAGS = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-gpu-watchdog',
  '--enable-unsafe-webgpu',
];
const GPU_FLAGS = process.platform === 'linux' ? ['--enable-features=Vulkan', '--use-angle=vulkan'] : [];
const SOFTWARE_FLAGS = ['--use-webgpu-adapter=swiftshader'];
const LAUNCH_MS = 60_000;
const ADAPTER_MS = 30_000;

/**
 * @param chromeFlags besides our own
 * @throws WebGPUUnavailableError with the choices, when there is no browser or it has no adapter
 */
export async function launchBrowser(kind: BrowserKind, chromeFlags: readonly string[] = []): Promise<Browser> {
  const executablePath = await obtainBrowser(kind);
  const attempts =
    kind === 'firefox'
      ? [() => firefox(executablePath)]
      : [GPU_FLAGS, SOFTWARE_FLAGS].map((flags) => () => chrome(executablePath, [...flags, ...chromeFlags]));
  let cause: unknown;
  for (const attempt of attempts) {
    try {
      const browser = await withAdapter(await attempt());
      if (browser) return browser;
    } catch (error) {
      cause = error;
    }
  }
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `${executablePath} offers no WebGPU adapter${why}: ${CHOICES}`;
  throw new WebGPUUnavailableError('no-adapter', message, { cause });
}

function chrome(executablePath: string, flags: readonly string[]): Promise<Browser> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return puppeteer.launch({ executablePath, timeout: LAUNCH_MS, args: [...sandbox, ...CHROME_FLAGS, ...flags] });
}

function firefox(executablePath: string): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    timeout: LAUNCH_MS,
    env: { ...process.env, HOME: process.env.HOME ?? tmpdir() },
    // It takes lavapipe by itself where there is no GPU, unless the driver is on its blocklist.
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
  });
}

/** The browser, or `null` after closing it when it has no adapter. */
async function withAdapter(browser: Browser): Promise<Browser | null> {
  let found = false;
  try {
    found = await within(ADAPTER_MS, 'the browser did not look for an adapter', hasAdapter(browser));
  } finally {
    if (!found) await browser.close();
  }
  return found ? browser : null;
}

/** Asked on a page of a secure context, which `about:blank` is not. */
async function hasAdapter(browser: Browser): Promise<boolean> {
  const server = await startServer({ folders: {}, files: new Map([['/', '<!doctype html><title>WebGPU</title>']]) });
  try {
    const page = await browser.newPage();
    await page.goto(`${server.origin}/`);
    const found = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
    await page.close();
    return found;
  } finally {
    await server.close();
  }
}
