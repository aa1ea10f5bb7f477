/** A browser with WebGPU: found, or obtained, and started on a real GPU if there is one, else on a software GPU. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';
import puppeteer from 'puppeteer-core';
import { WebGPUUnavailableError } from '../errors.js';
import { note } from './command.js';
import { findDriver } from './dawn.js';

export type BrowserKind = 'chrome' | 'firefox';

/** Where browsers live, by platform; first found, first taken. */
const PLACES: Readonly<Record<BrowserKind, readonly string[]>> = {
  chrome: [
    '/usr/bin/google-chrome-stable',
    '/usr/bin/google-chrome',
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/microsoft-edge',
    '/snap/bin/chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge',
    ...windows('Google/Chrome/Application/chrome.exe'),
    ...windows('Microsoft/Edge/Application/msedge.exe'),
  ],
  firefox: [
    '/usr/bin/firefox-esr',
    '/usr/bin/firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    ...windows('Mozilla Firefox/firefox.exe'),
  ],
};

function windows(path: string): string[] {
  const roots = [process.env['PROGRAMFILES'], process.env['PROGRAMFILES(X86)'], process.env['LOCALAPPDATA']];
  return roots.flatMap((root) => (root ? [join(root, path)] : []));
}

/** Also quiet: no first-run pages, no updates, no background traffic. */
const CHROME_FLAGS = [
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
];
const GPU_FLAGS = process.platform === 'linux' ? ['--enable-features=Vulkan', '--use-angle=vulkan'] : [];
/** Without the watchdog, which ends a GPU process that computes for long, as a software GPU may. */
const SOFTWARE_FLAGS = ['--use-webgpu-adapter=swiftshader', '--disable-gpu-watchdog'];
const LAUNCH_MS = 60_000;

const CHOICES =
  'install Chrome, Chromium or Edge; or set PUPPETEER_EXECUTABLE_PATH to one; or use --backend node (npm webgpu)';

/** The installed browser's path, or null. */
export function findBrowser(kind: BrowserKind): string | null {
  const chosen = process.env['PUPPETEER_EXECUTABLE_PATH'];
  const isFirefox = chosen?.toLowerCase().includes('firefox') ?? false;
  if (chosen && existsSync(chosen) && isFirefox === (kind === 'firefox')) return chosen;
  return PLACES[kind].find((path) => existsSync(path)) ?? null;
}

/** An installed browser, else one from the system's packages, else one downloaded. @throws WebGPUUnavailableError */
async function obtainBrowser(kind: BrowserKind): Promise<string> {
  const installed = findBrowser(kind);
  if (installed) return installed;
  const isRoot = process.getuid?.() === 0;
  if (process.platform === 'linux' && isRoot && existsSync('/usr/bin/apt-get')) {
    const name = kind === 'chrome' ? 'chromium' : 'firefox-esr';
    note(`No browser is installed; installing ${name} (once; about a minute) …`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
      spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
    }
    const now = findBrowser(kind);
    if (now) return now;
  }
  return downloadBrowser(kind);
}

async function downloadBrowser(kind: BrowserKind): Promise<string> {
  const { Browser, computeExecutablePath, detectBrowserPlatform, install, resolveBuildId } = await import(
    '@puppeteer/browsers'
  );
  const browser = kind === 'chrome' ? Browser.CHROME : Browser.FIREFOX;
  const cacheDir = join(homedir(), '.cache', 'densenet-webgpu');
  try {
    const platform = detectBrowserPlatform();
    if (!platform) throw new Error('no build for this platform');
    const buildId = await resolveBuildId(browser, platform, 'stable');
    const path = computeExecutablePath({ browser, buildId, cacheDir });
    if (existsSync(path)) return path;
    note(`No browser is installed; downloading ${kind} ${buildId} (once) …`);
    await install({ browser, buildId, cacheDir });
    return path;
  } catch (cause) {
    throw new WebGPUUnavailableError('no-webgpu', `no browser was found and none could be downloaded: ${CHOICES}`, {
      cause,
    });
  }
}

/** A headless browser that has a WebGPU adapter. @throws WebGPUUnavailableError with the choices */
export async function launchBrowser(kind: BrowserKind): Promise<Browser> {
  const executablePath = await obtainBrowser(kind);
  const attempts =
    kind === 'firefox'
      ? [() => firefox(executablePath)]
      : [() => chrome(executablePath, GPU_FLAGS), () => chrome(executablePath, SOFTWARE_FLAGS)];
  let failure: unknown;
  for (const attempt of attempts) {
    try {
      const browser = await attempt();
      if (await hasAdapter(browser)) return browser;
      await browser.close();
    } catch (error) {
      failure = error;
    }
  }
  throw new WebGPUUnavailableError('no-adapter', `${executablePath} offers no WebGPU adapter: ${CHOICES}`, {
    cause: failure,
  });
}

function chrome(executablePath: string, flags: readonly string[]): Promise<Browser> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return puppeteer.launch({ executablePath, timeout: LAUNCH_MS, args: [...sandbox, ...CHROME_FLAGS, ...flags] });
}

function firefox(executablePath: string): Promise<Browser> {
  const driver = findDriver('lavapipe');
  const software = driver ? { VK_ICD_FILENAMES: driver } : {};
  return puppeteer.launch({
    browser: 'firefox',
    executablePath,
    timeout: LAUNCH_MS,
    env: { ...process.env, HOME: process.env['HOME'] ?? tmpdir(), ...software },
    extraPrefsFirefox: { 'dom.webgpu.enabled': true, 'gfx.webgpu.ignore-blocklist': true },
  });
}

/** Asked on a page of a secure context, which `about:blank` is not. */
async function hasAdapter(browser: Browser): Promise<boolean> {
  const { startServer } = await import('./server.js');
  const server = await startServer({ folders: {}, files: new Map([['/', '<!doctype html><title>WebGPU</title>']]) });
  const page = await browser.newPage();
  try {
    await page.goto(`${server.origin}/`);
    return await page.evaluate(async () => Boolean(await navigator.gpu?.requestAdapter()));
  } finally {
    await page.close();
    await server.close();
  }
}
