/** The demo page by its address (`?model=…&image=…&class=…`), and without a network. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { answered, bring, closeDemo, type Demo, openDemo, said, textOf, type Visit, visit } from './demo-page.js';

describe.skipIf(!findBrowser('chrome'))('the demo page', () => {
  let demo: Demo;
  let open: Visit | null = null;

  beforeAll(async () => {
    demo = await openDemo();
  });
  afterEach(async () => {
    const complaints = open?.complaints ?? [];
    await open?.page.close();
    open = null;
    expect(complaints).toEqual([]);
  });
  afterAll(() => closeDemo(demo));

  it('opens the model, the image and the class of its address', async () => {
    open = await visit(demo, { path: '/?model=weights/default.safetensors&image=/samples/frog.png&class=Bird' });
    const { page } = open;
    await said(page, /default\.safetensors is ready/);
    await answered(page, 'frog');
    await page.waitForFunction(
      "/speaks for bird|Evidence for bird/.test(document.getElementById('caption').textContent)",
    );
    expect(await textOf(page, '#caption')).toMatch(/^frog\.png\./);
    expect(await page.$$eval('#samples [aria-pressed="true"]', (marked) => marked.length)).toBe(0);
  });

  it('loads a model of the Hub', async () => {
    open = await visit(demo, { path: '/?model=hf:someone/net', before: FAKE_HUB });
    await said(open.page, /hf:someone\/net is ready/);
    await answered(open.page, 'airplane');
    const asked = await open.page.evaluate('asked');
    expect(asked).toContain('https://huggingface.co/someone/net/resolve/main/model.safetensors');
  });

  it('says that there is no such class, and takes markup for text', async () => {
    const markup = '<img src=x onerror=alert(1)>';
    open = await visit(demo, { path: `/?model=&image=&class=${encodeURIComponent(markup)}` });
    expect(await said(open.page, /knows no class/)).toBe(
      `the model knows no class "${markup}": give one of its names, or a number from 0 to 9`,
    );
    expect(await open.page.$$eval('#status *', (inside) => inside.length)).toBe(0);
    await answered(open.page, 'airplane');
  });

  it('says that there is no model at an address, and tries again', async () => {
    open = await visit(demo, { path: '/?model=/nothing.pth' });
    await said(open.page, /answered with status 404: check the address/);
    await open.page.waitForSelector('#retry:not([hidden])');
    // The console's word for the 404; there is no other.
    expect(open.complaints.splice(0)).toEqual([expect.stringMatching(/404/)]);
  });

  it('works without a network after one visit', async () => {
    const own = await openDemo();
    try {
      const { page, complaints } = await visit(own);
      await answered(page, 'airplane');
      await page.waitForSelector('#offline:not([hidden])');
      await own.server.close();
      await page.reload();
      await answered(page, 'airplane');
      await page.click('#samples button[data-file="frog.png"]');
      await answered(page, 'frog');
      await bring(page, 'drop', '/weights/default.safetensors', 'mine.safetensors');
      await said(page, /mine\.safetensors is ready/);
      expect(complaints.filter((complaint) => !/service-worker\.js|ERR_CONNECTION_REFUSED/.test(complaint))).toEqual(
        [],
      );
    } finally {
      await own.browser.close();
    }
  });
});

/** The Hub, which answers with the default model and no other file. */
const FAKE_HUB = `globalThis.asked = [];
const real = fetch;
globalThis.fetch = (url, options) => {
  if (!String(url).startsWith('https://huggingface.co/')) return real(url, options);
  asked.push(String(url));
  if (!String(url).endsWith('/model.safetensors')) return Promise.resolve(new Response('', { status: 404 }));
  return real('/weights/default.safetensors', options);
}`;
