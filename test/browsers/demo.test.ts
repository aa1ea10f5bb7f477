/** The demo page in Chrome: answers, evidence, classes, copies, the network's connections, memory and times. */
import { readFileSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import {
  answered,
  bring,
  closeDemo,
  type Demo,
  DemoPages,
  openDemo,
  ROOT,
  SAMPLES,
  SHOTS,
  said,
  shoot,
  textOf,
} from './demo-page.js';

const FILES = new Map<string, Uint8Array>([
  ['/test/checkpoint.pth', readFileSync(`${ROOT}test/fixtures/densenet3-bc.pth`)],
]);

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

  it('copies the picture with its map', async () => {
    const page = await ready();
    await demo.browser
      .defaultBrowserContext()
      .overridePermissions(demo.server.origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
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
