/**
 * The demo page for everybody: audited by axe, on a phone, in the dark, and where there is no WebGPU. Leaves pictures of
 * each in `.cache/demo/`; with UPDATE_SCREENSHOT=1 also the README's, `demo/screenshot.png`.
 */
import { copyFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { answered, closeDemo, type Demo, openDemo, ROOT, said, shoot, textOf, visit } from './demo-page.js';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const NO_WEBGPU = "Object.defineProperty(navigator, 'gpu', { value: undefined })";
const NO_ADAPTER = 'navigator.gpu.requestAdapter = async () => null';

/** Every violation of WCAG 2.2 A and AA and of axe's best practices, with the elements at fault. */
async function audit(page: Page): Promise<string[]> {
  // The debugger's own evaluation, which the page's CSP does not govern.
  await page.evaluate(AXE);
  const violations: unknown = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => id + ' (' + impact + '): ' + nodes.map(({ target }) => target).join(', ')))",
  );
  return Array.isArray(violations) ? violations.map(String) : ['axe gave no result'];
}

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

describe.skipIf(!findBrowser('chrome'))('the demo page is for everybody', () => {
  let demo: Demo;

  beforeAll(async () => {
    demo = await openDemo();
  });
  afterAll(() => closeDemo(demo));

  it.each([
    ['desktop', { width: 1120, height: 1240 }],
    ['dark', { width: 1120, height: 1240, dark: true }],
    ['phone', { width: 390, height: 844, scale: 2 }],
    ['phone-dark', { width: 360, height: 740, scale: 2, dark: true }],
  ])('has nothing that axe objects to and nothing that sticks out: %s', async (name, options) => {
    const { page, complaints } = await visit(demo, options);
    await explained(page);
    await openTables(page, true);
    expect(await audit(page)).toEqual([]);
    await openTables(page, false);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await shoot(page, name);
    if (name === 'desktop' && process.env.UPDATE_SCREENSHOT) {
      copyFileSync(await shoot(page, 'readme', false), `${ROOT}demo/screenshot.png`);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('says how to get WebGPU where there is none, the reader’s browser first', async () => {
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

  it('says what to do where WebGPU has no adapter', async () => {
    const { page, complaints } = await visit(demo, { before: NO_ADAPTER });
    await said(page, /no GPU for it/);
    expect(await textOf(page, '#advice-list')).toMatch(/turn on graphics acceleration/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('moves nothing for those who want no motion', async () => {
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
