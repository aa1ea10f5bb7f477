/** The demo page as a visitor has it: the built page in a browser, from the server of `npm start`. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { expect, vi } from 'vitest';
import { type BrowserSettings, launchBrowser } from '../../src/cli/browser.js';
import type { BrowserKind } from '../../src/cli/installed-browsers.js';
import { DEMO } from '../../src/cli/serve.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Demo {
  readonly kind: BrowserKind;
  readonly browser: Browser;
  readonly server: RunningServer;
  /** The folder of the files that pages hand to the user. */
  readonly downloads: string;
}

/** The samples of the page; a title ends in the name of its class. */
export const SAMPLES: readonly { readonly file: string; readonly title: string }[] = JSON.parse(
  readFileSync(`${ROOT}demo/samples/index.json`, 'utf8'),
);

/** What tests write, for people to look at. */
export const SHOTS = `${ROOT}.cache/demo/`;

/**
 * The browser's own camera, given to every page that asks: a pacman that eats in Chrome, a colour in Firefox. And in
 * Firefox the folder of downloads, which Chrome takes from the debugger.
 */
const settingsOf = (downloads: string): BrowserSettings => ({
  chromeFlags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'],
  firefoxPrefs: {
    'media.navigator.streams.fake': true,
    'media.navigator.permission.disabled': true,
    'browser.download.folderList': 2,
    'browser.download.dir': downloads,
  },
});

/** @param files served beside the page, for the tests to drop on it */
export async function openDemo(
  files: ReadonlyMap<string, Uint8Array> = new Map(),
  kind: BrowserKind = 'chrome',
): Promise<Demo> {
  mkdirSync(SHOTS, { recursive: true });
  const downloads = mkdtempSync(join(tmpdir(), 'densenet-webgpu-downloads-'));
  const browser = await launchBrowser(kind, settingsOf(downloads));
  if (kind === 'chrome') {
    const client = await browser.target().createCDPSession();
    await client.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads });
  }
  return { kind, browser, server: await startServer({ ...DEMO, files }), downloads };
}

export async function closeDemo(demo: Demo | undefined): Promise<void> {
  await demo?.browser.close();
  await demo?.server.close();
  if (demo) rmSync(demo.downloads, { recursive: true, force: true });
}

export interface Visit {
  readonly page: Page;
  /** Console errors, uncaught errors, violations of the CSP and requests to anywhere else: there should be none. */
  readonly complaints: string[];
}

export interface VisitOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scale?: number;
  readonly dark?: boolean;
  /** Default `/`. */
  readonly path?: string;
  /** Run in the page ahead of its own scripts. */
  readonly before?: string;
  /** URL → bytes: files of other servers, which any page may read. */
  readonly elsewhere?: Pick<ReadonlyMap<string, Uint8Array>, 'has' | 'get'>;
}

export async function visit({ kind, browser, server }: Demo, options: VisitOptions = {}): Promise<Visit> {
  const { width = 1120, height = 900, scale = 1, dark = false, before, path = '/', elsewhere } = options;
  const page = await browser.newPage();
  const complaints: string[] = [];
  // Chrome reports each violation of the CSP as an error on the console.
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = request.url();
    // Firefox has its own font for list markers at a data: URL.
    const isKnown = url.startsWith(`${server.origin}/`) || /^(blob|data):/.test(url) || elsewhere?.has(url);
    if (!isKnown) complaints.push(`request to ${url}`);
  });
  if (elsewhere) await answerFor(page, elsewhere);
  await page.setViewport({ width, height, deviceScaleFactor: scale });
  if (kind === 'chrome') await useColors(page, dark);
  if (before) await page.evaluateOnNewDocument(before);
  await page.goto(`${server.origin}${path}`);
  return { page, complaints };
}

async function answerFor(page: Page, files: NonNullable<VisitOptions['elsewhere']>): Promise<void> {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const body = files.get(request.url());
    const headers = { 'Access-Control-Allow-Origin': '*' };
    void (body ? request.respond({ status: 200, headers, body }) : request.continue());
  });
}

/** The user's choice of dark or light colours. Puppeteer cannot make it in Firefox, which is light. */
export function useColors(page: Page, dark: boolean): Promise<void> {
  return page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }]);
}

/** Waits for the answer to a picture, which the page finds by itself for its first sample. */
export async function answered(page: Page, label: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.querySelector('#answer li')?.textContent?.startsWith(wanted) ?? false,
    {},
    label,
  );
}

export const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? '');

/** Waits until the status line says something like `pattern`, and gives it. */
export async function said(page: Page, pattern: RegExp): Promise<string> {
  const matches = (source: string) => new RegExp(source).test(document.getElementById('status')?.textContent ?? '');
  await page.waitForFunction(matches, {}, pattern.source).catch(async (cause) => {
    throw new Error(`the page says "${await textOf(page, '#status')}", not ${pattern}`, { cause });
  });
  return textOf(page, '#status');
}

/** As if a file of the server had been dropped on, or pasted into, the page. */
export function bring(page: Page, how: 'drop' | 'paste', url: string, name: string, type = ''): Promise<void> {
  return bringAll(page, how, [{ url, name, type }]);
}

/** The same with several files at once, on an element. */
export async function bringAll(
  page: Page,
  how: 'drop' | 'paste',
  files: readonly { readonly url: string; readonly name: string; readonly type: string }[],
  selector = 'body',
): Promise<void> {
  await page.$eval(
    selector,
    async (element, event, brought) => {
      const transfer = new DataTransfer();
      for (const { url, name, type } of brought)
        transfer.items.add(new File([await (await fetch(url)).arrayBuffer()], name, { type }));
      const options = { bubbles: true, cancelable: true };
      // Firefox's constructor of a paste takes no files.
      element.dispatchEvent(
        event === 'drop'
          ? new DragEvent('drop', { dataTransfer: transfer, ...options })
          : Object.defineProperty(new ClipboardEvent('paste', options), 'clipboardData', { value: transfer }),
      );
    },
    how,
    files,
  );
}

/** Writes a screenshot to `.cache/demo/`, and returns its path. */
export async function shoot(page: Page, name: string, fullPage = true): Promise<string> {
  const path = `${SHOTS}${name}.png`;
  await page.screenshot({ path, fullPage });
  return path;
}

/** Waits for a file that a page hands to the user. */
export async function downloaded({ downloads }: Demo, name: string): Promise<Buffer> {
  const path = join(downloads, name);
  await vi.waitFor(() => expect(existsSync(path), name).toBe(true), { timeout: 20_000 });
  return readFileSync(path);
}

/** What is wider than the page or than its panel, which would cut it; things that scroll in a box of their own may be. */
export function stickingOut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const isWide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
    const found = [...document.querySelectorAll('.panel')].flatMap((panel) => {
      const right = panel.getBoundingClientRect().right;
      const scrolls = (element: Element | null): boolean =>
        element !== null &&
        element !== panel &&
        (getComputedStyle(element).overflowX !== 'visible' || scrolls(element.parentElement));
      return [...panel.querySelectorAll('*')]
        .filter((element) => element.getBoundingClientRect().right > right && !scrolls(element.parentElement))
        .map((element) => `${element.tagName} ${element.id} in ${panel.id}`);
    });
    return [...isWide, ...found];
  });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Every violation of WCAG 2.2 A and AA and of axe's best practices, with the elements at fault. */
export async function audit(page: Page): Promise<string[]> {
  // The debugger's own evaluation, which the page's CSP does not govern.
  await page.evaluate(AXE);
  const violations: unknown = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => id + ' (' + impact + '): ' + nodes.map(({ target }) => target).join(', ')))",
  );
  return Array.isArray(violations) ? violations.map(String) : ['axe gave no result'];
}

/**
 * Pages on which the default model is ready and the first sample is answered. Each load compiles all kernels, so tests
 * share one page unless they bring scripts of their own.
 */
export class DemoPages {
  private shared: Visit | null = null;
  private own: Visit | null = null;

  constructor(private readonly demo: () => Demo) {}

  /** The shared page. */
  async ready(): Promise<Page> {
    if (this.shared) {
      // A page in the background draws nothing, and waits for its first frame.
      await this.shared.page.bringToFront();
      await reset(this.shared.page);
    } else {
      this.shared = await visit(this.demo());
    }
    await settled(this.shared.page);
    return this.shared.page;
  }

  /** A page for one test. @param before run in the page ahead of its own scripts */
  async fresh(before = ''): Promise<Page> {
    this.own = await visit(this.demo(), { before });
    await settled(this.own.page);
    return this.own.page;
  }

  /** What the pages complained of since the last time. Closes those with scripts of their own. */
  async complaints(): Promise<string[]> {
    const found = [this.own, this.shared].flatMap((open) => open?.complaints.splice(0) ?? []);
    await this.own?.page.close();
    this.own = null;
    return found;
  }
}

async function settled(page: Page): Promise<void> {
  await said(page, /The default model is ready/);
  await answered(page, 'airplane');
}

/** The first sample without its map; the whole page anew where the last test left another model or an error. */
async function reset(page: Page): Promise<void> {
  if (!/The default model is ready/.test(await textOf(page, '#status'))) {
    await page.reload();
    return;
  }
  await page.evaluate(() => {
    const heat = document.querySelector<HTMLInputElement>('#heat');
    if (heat?.checked) heat.click();
    document.querySelector<HTMLElement>('#camera[aria-pressed="true"]')?.click();
    document.querySelector<HTMLElement>('#close-strip')?.click();
    document.querySelector<HTMLElement>('#samples button')?.click();
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
  });
}
