/** The benchmark page: measures in frames, can be cancelled, and says in words what its figures mean. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { audit, closeDemo, type Demo, openDemo, shoot, textOf, visit } from './demo-page.js';

/** A saved result, as `bench --json` writes it. */
const run = (name: string, warmMedianMs: number, ratio: number, coldMs: number, coldRatio: number) => ({
  ...{ name, error: null, warmMedianMs, p10: warmMedianMs, p90: warmMedianMs, samples: 5, coldMs, ratio, coldRatio },
  ...{ libraryMs: 1, createMs: 1, firstMs: 1, dispatches: 124, submits: 1, buffersCreated: 0 },
  ...{ row: name === 'ours' ? { family: 'software row' } : null, kernels: null },
  ...{ liveGpuBytes: 39e6, peakGpuBytes: 39.4e6, downloadBytes: 6_645_200, maxRelError: 1e-6 },
});
const RESULT = {
  adapter: 'google swiftshader',
  backend: 'chrome',
  browser: 'Chrome/156',
  date: '2026-11-25 21:35 UTC',
  cases: [
    {
      model: 'densenet121',
      batch: 1,
      inputSize: [224, 224],
      runs: [
        run('ours', 331, 1, 1400, 1),
        run('ort-webgpu', 15_226, 46, 8120, 5.8),
        run('ort-wasm', 33.1, 0.1, 700, 0.5),
        { ...run('tfjs-webgpu', 0, 0, 0, 0), error: 'wrong logits', warmMedianMs: null, ratio: null },
      ],
    },
  ],
};

describe.skipIf(!findBrowser('chrome'))('the benchmark page', () => {
  let demo: Demo;
  beforeAll(async () => {
    demo = await openDemo();
  });
  afterAll(() => closeDemo(demo));

  it.each([
    ['desktop', { width: 1120, height: 900 }],
    ['phone', { width: 390, height: 844, scale: 2, dark: true }],
  ])('shows a saved result in words, time, memory and download in sight: %s', async (name, size) => {
    const { page, complaints } = await visit(demo, { ...size, path: '/bench.html' });
    const path = join(tmpdir(), `densenet-webgpu-result-${process.pid}.json`);
    writeFileSync(path, JSON.stringify(RESULT));
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click('#choose-result')]);
    await chooser.accept([path]);
    await page.waitForSelector('.rows li');
    const rows = await page.$$eval('.rows li', (all) => all.map(({ textContent }) => textContent ?? ''));
    expect(rows[0]).toMatch(/software GPUsoftware row331 msfirst result1\.4 sGPU memory39 MBdownload6,645 KB/);
    expect(rows[1]).toMatch(/15 s, 46 × slower than oursfirst result8\.1 s, 5\.8 × slower than ours/);
    expect(rows[2]).toMatch(/CPU33\.1 ms, 10 × faster than ours/);
    expect(rows[3]).toMatch(/failed: wrong logits/);
    expect(await textOf(page, '#results .note')).toMatch(
      /"google swiftshader", which is software: no GPU was measured/,
    );
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await audit(page)).toEqual([]);
    await shoot(page, `bench-${name}`);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('measures ours beside another library, with what each downloads', async () => {
    const { page } = await visit(demo, { path: '/bench.html' });
    await page.select('#case', 'tiny:1');
    await page.evaluate(() => {
      for (const box of document.querySelectorAll<HTMLInputElement>('[name="peer"]'))
        box.checked = ['ours', 'tfjs-wasm'].includes(box.value);
      const rounds = document.querySelector<HTMLInputElement>('#rounds');
      if (rounds) rounds.value = '1';
    });
    await page.click('[type="submit"]');
    await page.waitForSelector('#cancel:not([hidden])');
    await page.waitForSelector('.rows li', { timeout: 100_000 });
    const rows = await page.$$eval('.rows li', (all) => all.map(({ textContent }) => textContent ?? ''));
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).toMatch(/\d ms.*download[\d,]+ KB/);
    expect(rows[1]).toMatch(/CPU.*(than|as) ours/);
    await page.close();
  });

  it('can be cancelled, and runs again', async () => {
    const { page } = await visit(demo, { path: '/bench.html' });
    await page.click('[type="submit"]');
    await page.waitForFunction("/library, model, first result/.test(document.getElementById('note').textContent)");
    await page.click('#cancel');
    await page.waitForFunction("document.getElementById('note').textContent === 'Cancelled.'");
    expect(await page.$$eval('iframe', (frames) => frames.length)).toBe(0);
    expect(
      await page.$eval('[type="submit"]', (button) => button instanceof HTMLButtonElement && button.disabled),
    ).toBe(false);
    expect(await page.$$eval('.rows li', (rows) => rows.length)).toBe(0);
    await page.close();
  });
});
