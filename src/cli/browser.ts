/** A headless browser with WebGPU: found, installed or downloaded, and started on a GPU, else on a software GPU. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import puppeteer, { type Browser } from 'puppeteer-core';
import { WebGPUUnavailableError } from '../core/errors.js';
import { BROWSER_CACHE, type BrowserKind, downloadRecord, findBrowser } from './installed-browsers.js';
import { startServer } from './server.js';
import { note, progressBar } from './terminal.js';

/** What the user can do; ends every message about a browser that is missing or has no WebGPU. */
const CHOICES =
  'install Chrome, Chromium or Edge; or set PUPPETEER_EXECUTABLE_PATH to one; or use --backend node (npm webgpu)';

const DEBIAN_PACKAGES: Readonly<Record<BrowserKind, string>> = { chrome: 'chromium', firefox: 'firefox-esr' };

/** The longest waits for the current version's name, and for the browser itself (some 200 MB). */
const RESOLVE_MS = 30_000;
const DOWNLOAD_MS = 900_000;

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

const isRoot = (): boolean => process.getuid?.() === 0;

/**
 * @param chromeFlags further flags for Chrome
 * @throws WebGPUUnavailableError with the choices, when there is no browser or it has no adapter
 */
export async function launchBrowser(kind: BrowserKind, chromeFlags: readonly string[] = []): Promise<Browser> {
  const executablePath = await obtainBrowser(kind);
  const attempts =
    kind === 'firefox'
      ? [() => launchFirefox(executablePath)]
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
  const message = `${executablePath} has no WebGPU adapter${why}: ${CHOICES}`;
  throw new WebGPUUnavailableError('no-adapter', message, { cause });
}

function launchChrome(executablePath: string, flags: readonly string[]): Promise<Browser> {
  const sandbox = isRoot() ? ['--no-sandbox'] : [];
  return puppeteer.launch({ executablePath, timeout: LAUNCH_MS, args: [...sandbox, ...CHROME_FLAGS, ...flags] });
}

function launchFirefox(executablePath: string): Promise<Browser> {
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    timeout: LAUNCH_MS,
    env: { ...process.env, HOME: process.env.HOME ?? tmpdir() },
    // Without a GPU it uses lavapipe, unless the driver is on its blocklist.
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
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

/**
 * The path of an installed browser, else of one from the system's packages, else of a download.
 *
 * @throws WebGPUUnavailableError with the choices
 */
export async function obtainBrowser(kind: BrowserKind): Promise<string> {
  return findBrowser(kind) ?? installFromPackages(kind) ?? (await downloadBrowser(kind));
}

/** On Debian and Ubuntu, as root; `null` elsewhere, and where their package brings no browser. */
function installFromPackages(kind: BrowserKind): string | null {
  if (process.platform !== 'linux' || !isRoot() || !existsSync('/usr/bin/apt-get')) return null;
  note(`No ${kind} is installed; installing ${DEBIAN_PACKAGES[kind]} (once; about a minute) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', DEBIAN_PACKAGES[kind]]]) {
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  }
  return findBrowser(kind);
}

async function downloadBrowser(kind: BrowserKind): Promise<string> {
  try {
    const { Browser, detectBrowserPlatform, install, resolveBuildId } = await import('@puppeteer/browsers');
    const browser = kind === 'chrome' ? Browser.CHROME : Browser.FIREFOX;
    const platform = detectBrowserPlatform();
    if (!platform) throw new Error('there is no build for this platform');
    const version = resolveBuildId(browser, platform, 'stable');
    const buildId = await withTimeout(RESOLVE_MS, 'the download server did not answer', version);
    note(`No ${kind} is installed; downloading ${buildId} (once) …`);
    const installing = install({
      browser,
      buildId,
      cacheDir: BROWSER_CACHE,
      // Shared libraries that a bare Linux lacks, where they can be had.
      installDeps: kind === 'chrome' && isRoot() && existsSync('/usr/bin/apt-get'),
      downloadProgressCallback: progressBar(`${kind} ${buildId}`),
    });
    const { executablePath } = await withTimeout(DOWNLOAD_MS, 'the download did not end', installing);
    mkdirSync(BROWSER_CACHE, { recursive: true });
    writeFileSync(downloadRecord(kind), executablePath);
    return executablePath;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `no ${kind} was found and none could be downloaded (${why}): ${CHOICES}`;
    throw new WebGPUUnavailableError('no-webgpu', message, { cause });
  }
}
