/**
 * The demo page for everybody: audited by axe, on a phone, in the dark, and where there is no WebGPU. Leaves pictures of
 * each in `.cache/demo/`; with UPDATE_SCREENSHOT=1 also the README's, `demo/screenshot.png`.
 */
import { copyFileSync } from 'node:fs';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import {
  answered,
  audit,
  closeDemo,
  type Demo,
  openDemo,
  ROOT,
  said,
  shoot,
  stickingOut,
  textOf,
  useColors,
  visit,
} from './demo-page.js';

interface Screen {
  readonly width: number;
  readonly height: number;
  readonly scale?: number;
  readonly dark?: boolean;
}

const SCREENS: Readonly<Record<string, Screen>> = {
  desktop: { width: 1120, height: 1112 },
  dark: { width: 1120, height: 1240, dark: true },
  phone: { width: 390, height: 844, scale: 2 },
  'phone-dark': { width: 360, height: 740, scale: 2, dark: true },
};

const NO_WEBGPU = "Object.defineProperty(navigator, 'gpu', { value: undefined })";
const NO_ADAPTER = 'navigator.gpu.requestAdapter = async () => null';

async function explained(page: Page): Promise<void> {
  await answered(page, 'airplane');
  await page.click('#heat');
  await page.waitForSelector('#answer button[aria-pressed="true"]');
  await page.click('#measure');
  await page.waitForFunction("/One whole call/.test(document.getElementById('measure-note').textContent)");
  await page.$eval('#measure', (button) => button instanceof HTMLElement && button.blur());
  // A pointer at rest on a control would show in the picture.
  await page.mouse.move(1, 1);
  await page.evaluate(() => scrollTo(0, 0));
}

async function openTables(page: Page, open: boolean): Promise<void> {
  await page.evaluate((wanted) => {
    for (const details of document.querySelectorAll('details')) details.open = wanted;
  }, open);
}

describe.skipIf(!findBrowser('chrome'))('the demo page is accessible', () => {
  let demo: Demo;

  beforeAll(async () => {
    demo = await openDemo();
  });
  afterAll(() => closeDemo(demo));

  it('has nothing that axe objects to and nothing that sticks out: light, dark, phone', async () => {
    const { page, complaints } = await visit(demo, { width: 1120, height: 1240 });
    await explained(page);
    for (const [name, { width, height, scale = 1, dark = false }] of Object.entries(SCREENS)) {
      await page.setViewport({ width, height, deviceScaleFactor: scale });
      await useColors(page, dark);
      await openTables(page, true);
      expect(await audit(page), name).toEqual([]);
      await openTables(page, false);
      expect(await stickingOut(page), name).toEqual([]);
      await shoot(page, name);
      if (name === 'desktop' && process.env.UPDATE_SCREENSHOT) {
        copyFileSync(await shoot(page, 'readme', false), `${ROOT}demo/screenshot.png`);
      }
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('keeps picture and answer in sight on small screens and at 200 % zoom', async () => {
    const { page, complaints } = await visit(demo, { width: 320, height: 640 });
    await answered(page, 'airplane');
    await said(page, /is ready/);
    await page.click('#heat');
    await page.waitForSelector('#evidence:not([hidden])');
    await page.evaluate(() => scrollTo(0, 0));
    for (const [width, height] of [
      [320, 640],
      [480, 640],
      [640, 360],
      [831, 600],
    ] as const) {
      await page.setViewport({ width, height });
      // A phone has no room for two columns: it has the best class below the picture.
      for (const selector of ['#view', width < 480 ? '#headline' : '#answer li:first-child']) {
        const box = await page.$eval(selector, (element) => {
          const { top, bottom, right } = element.getBoundingClientRect();
          return { top, bottom, right };
        });
        const where = `${selector} at ${width} × ${height}`;
        expect(box.top, where).toBeGreaterThanOrEqual(0);
        expect(box.bottom, where).toBeLessThanOrEqual(height);
        expect(box.right, where).toBeLessThanOrEqual(width);
      }
      expect(await stickingOut(page), `at ${width} × ${height}`).toEqual([]);
      await shoot(page, `layout-${width}`, false);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('gives each drawing a description of its own, and one live region that speaks', async () => {
    const { page } = await visit(demo);
    await answered(page, 'airplane');
    await page.click('#heat');
    await page.waitForSelector('#evidence:not([hidden])');
    const labels = await page.$$eval('[role="img"]', (all) => all.map((element) => element.getAttribute('aria-label')));
    expect(labels.length).toBeGreaterThanOrEqual(5);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels.filter((label) => !label)).toEqual([]);
    const live = await page.$$eval('[aria-live], [role="status"], [role="alert"]', (all) => all.map(({ id }) => id));
    expect(live).toEqual(['announce']);
    await page.close();
  });

  it('says without JavaScript what it needs', async () => {
    const page = await demo.browser.newPage();
    await page.setJavaScriptEnabled(false);
    await page.goto(`${demo.server.origin}/`);
    const text = await page.$eval('noscript', (element) => element.textContent);
    expect(text).toMatch(/needs JavaScript/);
    await page.close();
  });

  it('explains how to get WebGPU where there is none, for the visitor’s browser first', async () => {
    const { page, complaints } = await visit(demo, { before: NO_WEBGPU });
    await said(page, /this browser has no WebGPU/);
    await page.waitForSelector('#advice:not([hidden])');
    expect(await textOf(page, '#advice-list dt:first-child')).toMatch(/Chrome/);
    await page.click('#samples li:nth-child(2) button');
    await page.waitForFunction("/Drawn/.test(document.getElementById('caption').textContent)");
    await said(page, /this browser has no WebGPU/);
    expect(await audit(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await shoot(page, 'without-webgpu');
    await page.close();
  });

  it('explains what to do where WebGPU has no adapter', async () => {
    const { page, complaints } = await visit(demo, { before: NO_ADAPTER });
    await said(page, /no GPU for it/);
    expect(await textOf(page, '#advice-list')).toMatch(/turn on graphics acceleration/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('animates nothing under prefers-reduced-motion', async () => {
    const { page } = await visit(demo);
    await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    await answered(page, 'airplane');
    const moving = await page.$$eval('*', (all) =>
      all.filter((element) => getComputedStyle(element).transitionDuration !== '0s').map(({ id }) => id),
    );
    expect(moving).toEqual([]);
    await page.close();
  });
});
