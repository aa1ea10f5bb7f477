/** The demo page taught classes of the user: from pictures and the camera, saved, and loaded again; in both browsers. */
import type { KeyInput, Page } from 'puppeteer-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { drawShape, SHAPE_NAMES, type ShapeName } from '../reference/drawn-shapes.js';
import {
  answered,
  audit,
  bring,
  bringAll,
  closeDemo,
  type Demo,
  downloaded,
  openDemo,
  said,
  shoot,
  stickingOut,
  textOf,
  useColors,
  type Visit,
  visit,
} from './demo-page.js';

const SHAPES = SHAPE_NAMES.slice(0, 3);
const [EXAMPLES, UNSEEN] = [12, 7];
const FILE = 'my-classes.safetensors';
/** Another server; it gives the files of the test to any page. */
const ELSEWHERE = 'https://models.example/';

async function png(name: ShapeName, seed: number): Promise<Uint8Array> {
  const { data, width, height } = drawShape(name, seed);
  return sharp(data, { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer();
}

/** Files of the server, as they are dropped. */
const drawn = (name: ShapeName, first: number, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const file = `${name}-${first + i}.png`;
    return { url: `/test/${file}`, name: file, type: 'image/png' };
  });
const unseen = SHAPES.flatMap((name) => drawn(name, 100, UNSEEN));

/** Drops pictures on the card of a class. */
const dropOn = (page: Page, card: number, pictures: ReturnType<typeof drawn>) =>
  bringAll(page, 'drop', pictures, `#teach-classes > li:nth-child(${card})`);

async function rename(page: Page, card: number, name: string): Promise<void> {
  const field = `#teach-classes > li:nth-child(${card}) input[type="text"]`;
  await page.$eval(field, (input) => input instanceof HTMLInputElement && input.select());
  await page.type(field, name);
  await page.keyboard.press('Enter');
}

const noted = (page: Page, pattern: RegExp) =>
  page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById('teach-note')?.textContent ?? ''),
    {},
    pattern.source,
  );

/** Waits for the label and the figure of each picture of the strip. */
async function stripOf(page: Page, pictures = unseen): Promise<readonly string[]> {
  await page.waitForFunction(
    (count) => {
      const all = [...document.querySelectorAll('#strip button')];
      return all.length === count && all.every(({ textContent }) => /%$/.test(textContent ?? ''));
    },
    {},
    pictures.length,
  );
  return page.$$eval('#strip button', (all) => all.map(({ textContent }) => textContent ?? ''));
}

/** Empties the labels of the strip: those that come are of the next model. */
const clearStrip = (page: Page) =>
  page.$$eval('#strip button span', (all) => {
    for (const label of all) label.textContent = '';
  });

for (const kind of ['chrome', 'firefox'] as const) {
  describe.skipIf(!findBrowser(kind))(`the demo page, taught, in ${kind}`, () => {
    const files = new Map<string, Uint8Array>();
    const elsewhere = {
      has: (url: string) => url.startsWith(ELSEWHERE),
      get: (url: string) => files.get(url.replace(ELSEWHERE, '/test/')),
    };
    let demo: Demo;
    let open: Visit;

    beforeAll(async () => {
      for (const name of SHAPES) {
        for (const seed of [...Array(EXAMPLES).keys(), ...Array.from({ length: UNSEEN }, (_, i) => 100 + i)])
          files.set(`/test/${name}-${seed}.png`, await png(name, seed));
      }
      demo = await openDemo(files, kind);
      open = await visit(demo);
      await said(open.page, /The default model is ready/);
      await answered(open.page, 'airplane');
    });
    afterAll(() => closeDemo(demo));

    it('names at least 95 % of unseen pictures of three classes, and says how good it is', async () => {
      const { page, complaints } = open;
      await page.click('#teach-start');
      await page.click('#teach-add');
      for (const [c, name] of SHAPES.entries()) await rename(page, c + 1, name);
      await noted(page, /Examples are missing for disc and ring and square/);
      await page.evaluate(`globalThis.spoken = [];
        new MutationObserver(() => spoken.push(document.getElementById('announce').textContent))
          .observe(document.getElementById('announce'), { childList: true });`);
      for (const [c, name] of SHAPES.entries()) await dropOn(page, c + 1, drawn(name, 0, EXAMPLES));
      await noted(page, new RegExp(`Trained on ${SHAPES.length * EXAMPLES} examples\\. It names \\d+ % of them right`));
      await said(page, /Your model is ready/);
      expect(await page.evaluate('spoken.filter((text, i) => text === spoken[i - 1])'), 'said twice').toEqual([]);
      await bringAll(page, 'drop', unseen);
      const labels = await stripOf(page);
      const right = labels.filter((label, i) => label.startsWith(unseen[i]?.name.split('-')[0] ?? '-'));
      console.log(`${right.length} of ${unseen.length}; ${await textOf(page, '#teach-note')}`);
      expect(right.length / unseen.length).toBeGreaterThanOrEqual(0.95);
      // The picture that is open has bars and a map of the taught classes.
      await page.click('#heat');
      await page.waitForSelector('#answer button[aria-pressed="true"]');
      expect(await page.$$eval('#answer li', (rows) => rows.length)).toBe(SHAPES.length);
      expect(complaints).toEqual([]);
    });

    it('has nothing that axe objects to and nothing that sticks out: light, dark, phone', async () => {
      const { page } = open;
      for (const [name, width, dark] of [
        ['light', 1120, false],
        ['dark', 1120, true],
        ['phone', 360, true],
      ] as const) {
        // In Firefox, which is light: the page and the phone.
        if (kind === 'chrome') await useColors(page, dark);
        else if (name === 'dark') continue;
        await page.setViewport({ width, height: 900 });
        expect(await audit(page), name).toEqual([]);
        expect(await stickingOut(page), name).toEqual([]);
        await shoot(page, `teach-${name}-${kind}`);
      }
      // The phone shows the picture and its answer beside the cards.
      await page.$eval('#teach-classes > li:last-child', (card) => card.scrollIntoView({ block: 'end' }));
      const seen = await page.$$eval('#view, #teach-view, #teach-answer li', (all) =>
        all
          .filter((element) => {
            const { top, bottom } = element.getBoundingClientRect();
            return top >= 0 && bottom <= innerHeight;
          })
          .map(({ id, textContent }) => id || textContent?.replace(/ .*/, '')),
      );
      const answer = await page.$$eval('#answer li', (rows) =>
        rows.map(({ textContent }) => textContent?.replace(/ .*/, '')),
      );
      expect(seen).toEqual(['teach-view', ...answer]);
      await shoot(page, `teach-phone-cards-${kind}`, false);
      await page.setViewport({ width: 1120, height: 900 });
    });

    it('is taught by keyboard alone: names, pasted pictures, the picture above; the focus is never lost', async () => {
      const page = (await visit(demo)).page;
      await said(page, /The default model is ready/);
      await answered(page, 'airplane');
      const focused = () =>
        page.evaluate(() => {
          const { activeElement: at } = document;
          return at instanceof HTMLInputElement ? at.value : (at?.ariaLabel ?? at?.textContent);
        });
      const press = async (key: KeyInput, times = 1) => {
        for (let n = 0; n < times; n++) await page.keyboard.press(key);
      };
      await page.focus('#teach-start');
      await press('Enter');
      await page.keyboard.type('plane');
      await press('Tab', 3);
      expect(await focused()).toBe('Add the picture above');
      await press('Enter');
      await page.waitForSelector('#teach-classes > li:nth-child(1) .thumbnails li');
      await press('Tab', 3);
      expect(await focused()).toBe('Class 2');
      await page.keyboard.type('disc');
      await bringAll(page, 'paste', drawn('disc', 0, 2), ':focus');
      await page.waitForSelector('#teach-classes > li:nth-child(2) .thumbnails li:nth-child(2)');
      await noted(page, /Trained on 3 examples/);
      expect(await focused(), 'after training').toBe('disc');
      await press('Tab', 5);
      expect(await focused()).toBe('Remove example 1 of disc');
      await press('Enter');
      expect(await focused(), 'the next example').toBe('Remove example 1 of disc');
      await press('Enter');
      expect(await focused(), 'of no examples').toBe('Add pictures');
      await press('Tab', 3);
      expect(await focused()).toBe('Add a class');
      await press('Enter');
      expect(await focused()).toBe('Class 3');
      await press('Tab', 4);
      expect(await focused()).toBe('Remove the class Class 3');
      await press('Enter');
      expect(await focused()).toBe('Add a class');
      await press('Tab');
      await press('Enter');
      expect(await focused(), 'of "none of these"').toBe('Hold to add from the camera');
      // A screen reader presses without holding.
      await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.click());
      await page.waitForSelector('#teach-classes > li:nth-child(3) .thumbnails li');
      await page.close();
    });

    it('is saved and shared; the file gives the same answers, and the teacher stops', async () => {
      const { page, complaints } = open;
      const before = await stripOf(page);
      const asksBeforeLeaving = () =>
        page.evaluate(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })));
      expect(await asksBeforeLeaving()).toBe(true);
      await page.click('#teach-save');
      await noted(page, /my-classes\.safetensors was saved/);
      expect(await asksBeforeLeaving()).toBe(false);
      files.set(`/test/${FILE}`, new Uint8Array(await downloaded(demo, FILE)));
      await page.click('#teach-share');
      await noted(page, /Put it where other pages may read it .*share http:.*\/\?model=ADDRESS-OF-THE-FILE.*serve/);
      // No browser here has a share sheet.
      await page.evaluate(
        `Object.assign(navigator, { canShare: () => true, share: async ({ files }) => { globalThis.shared = files[0]; } })`,
      );
      await page.click('#teach-share');
      await page.waitForFunction(`shared.name === '${FILE}' && shared.size === ${files.get(`/test/${FILE}`)?.length}`);
      await clearStrip(page);
      await bringAll(page, 'drop', [{ url: `/test/${FILE}`, name: FILE, type: '' }]);
      await said(page, /my-classes\.safetensors is ready/);
      expect(await stripOf(page)).toEqual(before);
      expect(await page.$eval('#teach-body', (body) => body.hasAttribute('hidden'))).toBe(true);
      expect(await textOf(page, '#teach-start'), 'the examples are kept').toBe('Teach with your 36 examples');
      expect(complaints).toEqual([]);
    });

    it('gives the same answers by a link to the file, and by its head alone on the default model', async () => {
      // One of each class.
      const few = unseen.filter((_, i) => i % UNSEEN === 0);
      const before = (await stripOf(open.page)).filter((_, i) => i % UNSEEN === 0);
      const head = await open.page.evaluate(`import('/dist/densenet-webgpu.js').then(async ({ DenseNet }) => {
        const net = await DenseNet.load('/test/${FILE}');
        return [...await net.toSafetensors({ headOnly: true })];
      })`);
      files.set('/test/head.safetensors', Uint8Array.from(Array.isArray(head) ? head.map(Number) : []));
      const { page, complaints } = await visit(demo, { path: `/?model=${ELSEWHERE}${FILE}`, elsewhere });
      await said(page, /my-classes\.safetensors is ready/);
      await bringAll(page, 'drop', few);
      expect(await stripOf(page, few)).toEqual(before);
      await clearStrip(page);
      await bring(page, 'drop', '/test/head.safetensors', 'head.safetensors');
      await said(page, /head\.safetensors is ready/);
      expect(await stripOf(page, few)).toEqual(before);
      expect(complaints).toEqual([]);
      await page.close();
      await open.page.bringToFront();
    });

    it('takes frames of the camera while the button is held, has "none of these", and goes back', async () => {
      const { page, complaints } = open;
      await page.click('#teach-start');
      await noted(page, /Trained on 36 examples/);
      // Without the mouse: the page becomes shorter below it.
      const press = (selector: string) =>
        page.$eval(selector, (button) => button instanceof HTMLElement && button.click());
      for (const _ of SHAPES) await press('#teach-classes button[aria-label^="Remove the class"]');
      await press('#teach-add');
      await press('#teach-add');
      await page.click('#teach-none');
      const hold = async (card: number, frames: number) => {
        const button = await page.waitForSelector(`#teach-classes > li:nth-child(${card}) button`);
        await button?.focus();
        await page.keyboard.down('Enter');
        const counted = `document.querySelectorAll('#teach-classes > li:nth-child(${card}) .thumbnails li').length >= ${frames}`;
        await page.waitForFunction(counted);
        await page.keyboard.up('Enter');
      };
      await hold(1, 2);
      await hold(2, 2);
      await hold(3, 1);
      await noted(page, /Trained on \d+ examples/);
      await page.click('#camera');
      await page.waitForFunction("document.querySelectorAll('#answer li').length === 3");
      expect(await textOf(page, '#answer')).toMatch(/Class 1/);
      expect(await textOf(page, '#answer')).toMatch(/None of these/);
      await shoot(page, `teach-none-${kind}`);
      await page.click('#teach-stop');
      await said(page, /my-classes\.safetensors is ready/);
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('teach-start');
      expect(complaints).toEqual([]);
    });
  });
}
