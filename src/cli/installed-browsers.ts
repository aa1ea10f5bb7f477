/** Finds the browsers that are on this computer. Starts and installs nothing. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type BrowserKind = 'chrome' | 'firefox';

/** Paths per browser; the first that exists is used. */
const PATHS: Readonly<Record<BrowserKind, readonly string[]>> = {
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
    ...windowsPaths('Google/Chrome/Application/chrome.exe'),
    ...windowsPaths('Chromium/Application/chrome.exe'),
    ...windowsPaths('Microsoft/Edge/Application/msedge.exe'),
  ],
  firefox: [
    '/usr/bin/firefox-esr',
    '/usr/bin/firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    ...windowsPaths('Mozilla Firefox/firefox.exe'),
  ],
};

function windowsPaths(path: string): string[] {
  const roots = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
  return roots.flatMap((root) => (root ? [join(root, path)] : []));
}

/** The path of `PUPPETEER_EXECUTABLE_PATH`, or of an installed browser; else `null`. */
export function findBrowser(kind: BrowserKind): string | null {
  const chosen = process.env.PUPPETEER_EXECUTABLE_PATH;
  const isFirefox = chosen?.toLowerCase().includes('firefox') ?? false;
  if (chosen && existsSync(chosen) && isFirefox === (kind === 'firefox')) return chosen;
  return PATHS[kind].find((path) => existsSync(path) && !isSnapStub(path)) ?? null;
}

/** Ubuntu's packages `chromium-browser` and `firefox` install a script that only asks for the snap. */
function isSnapStub(path: string): boolean {
  if (!path.startsWith('/usr/bin/') || statSync(path).size > 4096) return false;
  return /requires the \w+ snap/.test(readFileSync(path, 'latin1'));
}

/** The folder of the browser's own files, with symlinks resolved; Chrome's has SwiftShader's driver. */
export function browserFolder(kind: BrowserKind): string | null {
  const path = findBrowser(kind);
  return path === null ? null : dirname(realpathSync(path));
}
