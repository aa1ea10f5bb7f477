/** Gets a browser: an installed one, else one from the system's packages, else a download. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { WebGPUUnavailableError } from '../core/errors.js';
import { note } from './command.js';
import { within } from './deadline.js';
import { BROWSER_CACHE, type BrowserKind, downloadRecord, findBrowser } from './installed-browsers.js';

/** What the user can do; ends every message about a browser that is missing or has no WebGPU. */
export const CHOICES =
  'install Chrome, Chromium or Edge; or set PUPPETEER_EXECUTABLE_PATH to one; or use --backend node (npm webgpu)';

const DEBIAN_PACKAGES: Readonly<Record<BrowserKind, string>> = { chrome: 'chromium', firefox: 'firefox-esr' };

/** The longest wait for the name of the current version, and for the browser itself (some 200 MB). */
const RESOLVE_MS = 30_000;
const DOWNLOAD_MS = 900_000;

const isRoot = (): boolean => process.getuid?.() === 0;

/** @returns the executable's path. @throws WebGPUUnavailableError with the choices */
export async function obtainBrowser(kind: BrowserKind): Promise<string> {
  return findBrowser(kind) ?? fromSystemPackages(kind) ?? (await download(kind));
}

/** Debian and Ubuntu, as root; `null` elsewhere, and where their package brings no browser. */
function fromSystemPackages(kind: BrowserKind): string | null {
  if (process.platform !== 'linux' || !isRoot() || !existsSync('/usr/bin/apt-get')) return null;
  note(`No ${kind} is installed; installing ${DEBIAN_PACKAGES[kind]} (once; about a minute) …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', DEBIAN_PACKAGES[kind]]]) {
    spawnSync('apt-get', ['-qq', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env });
  }
  return findBrowser(kind);
}

async function download(kind: BrowserKind): Promise<string> {
  try {
    const { Browser, detectBrowserPlatform, install, resolveBuildId } = await import('@puppeteer/browsers');
    const browser = kind === 'chrome' ? Browser.CHROME : Browser.FIREFOX;
    const platform = detectBrowserPlatform();
    if (!platform) throw new Error('no build for this platform');
    const asked = resolveBuildId(browser, platform, 'stable');
    const buildId = await within(RESOLVE_MS, 'the download server did not answer', asked);
    note(`No ${kind} is installed; downloading ${buildId} (once) …`);
    const installing = install({
      browser,
      buildId,
      cacheDir: BROWSER_CACHE,
      // Shared libraries that a bare Linux lacks; only where they can be had.
      installDeps: kind === 'chrome' && isRoot() && existsSync('/usr/bin/apt-get'),
      downloadProgressCallback: progress(),
    });
    const { executablePath } = await within(DOWNLOAD_MS, 'the download did not end', installing);
    mkdirSync(BROWSER_CACHE, { recursive: true });
    writeFileSync(downloadRecord(kind), executablePath);
    return executablePath;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `no ${kind} was found and none could be downloaded (${why}): ${CHOICES}`;
    throw new WebGPUUnavailableError('no-webgpu', message, { cause });
  }
}

/** One line at every tenth. */
function progress(): (done: number, total: number) => void {
  let tenths = 0;
  return (done, total) => {
    const now = Math.floor((10 * done) / total);
    if (now > tenths) note(`  ${now * 10} % of ${Math.round(total / 1e6)} MB`);
    tenths = Math.max(tenths, now);
  };
}
