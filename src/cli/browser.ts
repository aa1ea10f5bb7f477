/** Starts an installed browser headless, with WebGPU on a GPU, else on a software GPU. Installs nothing. */
import { tmpdir } from 'node:os';
import puppeteer, { type Browser } from 'puppeteer-core';
import { WebGPUUnavailableError } from '../core/errors.js';
import { type BrowserKind, findBrowser } from './installed-browsers.js';
import { startServer } from './server.js';

const NAMES: Readonly<Record<BrowserKind, string>> = { chrome: 'Chrome, Chromium or Edge', firefox: 'Firefox' };

/** What the user can do; ends every message about a browser that is missing or has no WebGPU. */
const choices = (kind: BrowserKind): string =>
  `install ${NAMES[kind]}; or set PUPPETEER_EXECUTABLE_PATH to one; or use --backend node (npm webgpu)`;

/**
 * Chrome without first-run pages, updates and background traffic. And without the watchdog, which ends a GPU process
 * that computes for long, as a software GPU may; every wait here has its own timeout.
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

/** What a page needs besides WebGPU. */
export interface BrowserSettings {
  readonly chromeFlags?: readonly string[];
  readonly firefoxPrefs?: Readonly<Record<string, boolean | number | string>>;
}

/**
 * @throws WebGPUUnavailableError with the choices, when there is no browser or it has no adapter
 */
export async function launchBrowser(kind: BrowserKind, settings: BrowserSettings = {}): Promise<Browser> {
  const { chromeFlags = [], firefoxPrefs = {} } = settings;
  const executablePath = findBrowser(kind);
  if (executablePath === null) {
    throw new WebGPUUnavailableError('no-webgpu', `no ${NAMES[kind]} is installed: ${choices(kind)}`);
  }
  const attempts =
    kind === 'firefox'
      ? [() => launchFirefox(executablePath, firefoxPrefs)]
      : [GPU_FLAGS, SOFTWARE_FLAGS].map((flags) => () => launchChrome(executablePath, [...flags, ...chromeFlags]));
  let cause: unknown;
  for (const attempt of attempts) {
    try {
      const browser = await closeWithoutAdapter(await attempt());
      if (browser) return browser;
    } catch (error) {
      cause = error;
    }
  }
  const why = cause instanceof Error ? ` (${cause.message})` : '';
  const message = `${executablePath} has no WebGPU adapter${why}: ${choices(kind)}`;
  throw new WebGPUUnavailableError('no-adapter', message, { cause });
}

function launchChrome(executablePath: string, flags: readonly string[]): Promise<Browser> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const args = [...sandbox, ...CHROME_FLAGS, ...flags];
  return puppeteer.launch({ executablePath, timeout: LAUNCH_MS, args, handleSIGINT: isInterruptFree() });
}

/** Ctrl-C closes the browser and ends the process, unless the command handles it. */
const isInterruptFree = (): boolean => process.listenerCount('SIGINT') === 0;

function launchFirefox(executablePath: string, prefs: NonNullable<BrowserSettings['firefoxPrefs']>): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    timeout: LAUNCH_MS,
    handleSIGINT: isInterruptFree(),
    env: { ...process.env, HOME: process.env.HOME ?? tmpdir() },
    // Without a GPU it uses lavapipe, unless the driver is on its blocklist.
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true, ...prefs },
  });
}

/** The browser, or `null` after closing it when it has no adapter. */
async function closeWithoutAdapter(browser: Browser): Promise<Browser | null> {
  let found = false;
  try {
    found = await withTimeout(ADAPTER_MS, 'the browser did not look for an adapter', hasAdapter(browser));
  } finally {
    if (!found) await browser.close();
  }
  return found ? browser : null;
}

/** Asked on a page of a secure context, which `about:blank` is not. */
async function hasAdapter(browser: Browser): Promise<boolean> {
  const server = await startServer({
    files: new Map([['/', '<!doctype html><title>WebGPU</title>']]),
    isPrivate: true,
  });
  try {
    const page = await browser.newPage();
    await page.goto(server.base);
    const found = await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
    await page.close();
    return found;
  } finally {
    await server.close();
  }
}

/** The result of `work`, or an error with this message when it takes longer; `work` itself goes on. */
export async function withTimeout<T>(ms: number, message: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
