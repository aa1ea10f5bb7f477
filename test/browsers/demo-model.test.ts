/** The demo page with the user's own model: every format, the card with what is assumed, and the file that it writes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { readModel } from '../../src/weights/model-file.js';
import {
  answered,
  bring,
  bringAll,
  closeDemo,
  type Demo,
  downloaded,
  openDemo,
  ROOT,
  said,
  shoot,
  textOf,
  type Visit,
  visit,
} from './demo-page.js';

const TFJS = [1, 2, 3].map((shard) => `group1-shard${shard}of3.bin`).concat('model.json');
const fixture = (name: string) => readFileSync(`${ROOT}test/fixtures/${name}`);
const LABELS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const FILES = new Map<string, Uint8Array>([
  ['/test/checkpoint.pth', fixture('densenet3-bc.pth')],
  ['/test/xray.pth', fixture('torchxrayvision.pth')],
  ['/test/keras.h5', fixture('keras/keras-cifar.h5')],
  ['/test/net.keras', fixture('keras/keras-new-first.keras')],
  ...TFJS.map((name): [string, Uint8Array] => [`/test/tfjs/${name}`, fixture(`keras/tfjs/${name}`)]),
  ['/test/graph.onnx', fixture('onnx/new-first.onnx')],
  ['/test/labels.txt', Buffer.from(LABELS.join('\n'))],
  ['/test/few.txt', Buffer.from('zero\none')],
]);

describe.skipIf(!findBrowser('chrome'))('the demo page with a model of the user', () => {
  let demo: Demo;
  let open: Visit | null = null;

  beforeAll(async () => {
    demo = await openDemo(FILES);
  });
  afterEach(async () => {
    const complaints = open?.complaints ?? [];
    await open?.page.close();
    open = null;
    expect(complaints).toEqual([]);
  });
  afterAll(() => closeDemo(demo));

  /** The default model may still be loading: a newer model takes its place. */
  async function ready(): Promise<Visit['page']> {
    open = await visit(demo);
    await open.page.waitForSelector('#samples button');
    return open.page;
  }

  /** Label and figure of each row. */
  const rowsOf = (page: Visit['page']) =>
    page.$$eval('#answer li', (rows) => rows.map(({ textContent }) => textContent ?? ''));

  it('runs a PyTorch checkpoint, an ONNX graph and a safetensors model that are dropped on it', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/checkpoint.pth', 'mine.pth');
    await said(page, /mine\.pth is ready/);
    await page.waitForFunction("/mine.pth/.test(document.getElementById('facts').textContent)");
    expect(await textOf(page, '#preprocess-origin')).toBe('assumed');
    expect(await page.$eval('#preset', (select) => select instanceof HTMLSelectElement && select.value)).toBe(
      'cifar10-std-0.247',
    );
    await bring(page, 'drop', '/test/graph.onnx', 'net.onnx');
    await said(page, /net\.onnx is ready/);
    await bring(page, 'drop', '/weights/default.safetensors', 'again.safetensors');
    await said(page, /again\.safetensors is ready/);
    await answered(page, 'airplane');
    expect(await textOf(page, '#preprocess-origin')).toBe('from the file');
    expect(await textOf(page, '#labels-origin')).toBe('from the file');
  });

  it('runs Keras files, and a TensorFlow.js model that is dropped with its weights', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/keras.h5', 'mine.h5');
    await said(page, /mine\.h5 is ready/);
    await bring(page, 'drop', '/test/net.keras', 'mine.keras');
    await said(page, /mine\.keras is ready/);
    await bring(page, 'drop', '/test/tfjs/model.json', 'model.json');
    await said(page, /weights are in group1-shard1of3\.bin: drop it together with the model, all files at once/);
    const files = TFJS.map((name) => ({ url: `/test/tfjs/${name}`, name, type: '' }));
    await bringAll(page, 'drop', files);
    await said(page, /model\.json is ready/);
    expect(await page.$eval('#preset', (select) => select instanceof HTMLSelectElement && select.value)).toBe('keras');
  });

  it.each([
    ['labels and model together', [['labels.txt', 'checkpoint.pth']]],
    ['labels first', [['labels.txt'], ['checkpoint.pth']]],
    ['the model first', [['checkpoint.pth'], ['labels.txt']]],
  ] as const)('takes %s', async (_, drops) => {
    const page = await ready();
    for (const names of drops) {
      await bringAll(
        page,
        'drop',
        names.map((name) => ({ url: `/test/${name}`, name, type: '' })),
      );
      if (names.length === 1 && names[0] === 'checkpoint.pth') await said(page, /checkpoint\.pth is ready/);
      else if (names[0] === 'labels.txt' && drops.length === 2 && names === drops[0])
        await page.waitForFunction(
          "/labels.txt waits for a model/.test(document.getElementById('model-card-note').textContent)",
        );
    }
    await page.waitForFunction("document.getElementById('labels-origin').textContent === 'yours'");
    await said(page, /checkpoint\.pth is ready/);
    await page.waitForFunction("document.querySelector('#classes li')?.textContent === 'zero'");
    const [best = ''] = await rowsOf(page);
    expect(LABELS.some((label) => best.startsWith(label))).toBe(true);
  });

  it('says what is wrong with labels, and writes what the card says to a file that gives the same answers', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/checkpoint.pth', 'mine.pth');
    await said(page, /mine\.pth is ready/);
    await bring(page, 'drop', '/test/few.txt', 'few.txt');
    await page.waitForFunction("document.getElementById('labels-error').textContent !== ''");
    expect(await textOf(page, '#labels-error')).toBe('2 labels for 10 classes: one is needed for each');
    await shoot(page, 'model-card-error');
    await bring(page, 'drop', '/test/labels.txt', 'labels.txt');
    await page.waitForFunction("document.querySelector('#classes li')?.textContent === 'zero'");
    await page.select('#activation', 'sigmoid');
    await page.waitForFunction("document.querySelectorAll('#answer li').length === 10");
    await page.type('#thresholds', '0.5\n');
    await page.waitForFunction("/reach/.test(document.getElementById('answer-note').textContent)");
    await said(page, /is ready/);
    const rows = await rowsOf(page);
    await page.click('#download-model');
    const bytes = await downloaded(demo, 'mine.safetensors');
    expect(readModel(bytes).metadata).toMatchObject({
      labels: LABELS,
      activation: 'sigmoid',
      thresholds: Array(10).fill(0.5),
    });
    await bring(page, 'drop', '/weights/default.safetensors', 'other.safetensors');
    await said(page, /other\.safetensors is ready/);
    const [chooser] = await Promise.all([page.waitForFileChooser(), page.click('#choose')]);
    await chooser.accept([join(demo.downloads, 'mine.safetensors')]);
    await said(page, /mine\.safetensors is ready/);
    await page.waitForFunction("document.getElementById('thresholds-origin').textContent === 'from the file'");
    expect(await rowsOf(page)).toEqual(rows);
  });

  it('shows the card again when the teaching of the model ends', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/checkpoint.pth', 'mine.pth');
    await said(page, /mine\.pth is ready/);
    await bring(page, 'drop', '/test/labels.txt', 'labels.txt');
    await page.waitForFunction("document.querySelector('#classes li')?.textContent === 'zero'");
    await said(page, /mine\.pth is ready/);
    await page.click('#teach-start');
    for (const [n, sample] of ['ship', 'frog'].entries()) {
      const picture = { url: `/samples/${sample}.png`, name: `${sample}.png`, type: 'image/png' };
      await bringAll(page, 'drop', [picture], `#teach-classes > li:nth-child(${n + 1})`);
    }
    await said(page, /Your model is ready/);
    expect(await page.$eval('#model-card', (card) => card.hasAttribute('hidden'))).toBe(true);
    await page.click('#teach-stop');
    await said(page, /mine\.pth is ready/);
    await page.waitForSelector('#model-card:not([hidden]) #model-form:not([hidden])');
    expect(await textOf(page, '#labels-origin')).toBe('yours');
    await page.select('#activation', 'sigmoid');
    await page.waitForFunction("document.querySelectorAll('#answer li').length === 10");
  });

  it('lets the user say what the file does not show', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/checkpoint.pth', 'mine.pth');
    await said(page, /mine\.pth is ready/);
    expect(await textOf(page, '#activation-origin')).toBe('assumed');
    const before = await rowsOf(page);
    await page.click('#structure-panel summary');
    await page.select('#structure label:nth-child(1) select', '2');
    await page.waitForFunction((old) => document.querySelector('#answer li')?.textContent !== old, {}, before[0]);
    await said(page, /mine\.pth is ready/);
    expect(await page.$eval('#structure select', (select) => select instanceof HTMLSelectElement && select.value)).toBe(
      '2',
    );
    await page.select('#structure label:nth-child(1) select', 'as assumed');
    await page.waitForFunction((old) => document.querySelector('#answer li')?.textContent === old, {}, before[0]);
    await page.select('#activation', 'none');
    await page.waitForFunction("/logits/.test(document.getElementById('answer-note').textContent)");
    expect((await rowsOf(page))[0]).not.toMatch(/%/);
  });

  it('shows all findings of a multi-label model with their thresholds', async () => {
    const page = await ready();
    await bring(page, 'drop', '/test/xray.pth', 'xray.pth');
    await said(page, /xray\.pth is ready/);
    await page.waitForFunction("document.querySelectorAll('#answer li').length === 18");
    expect(await textOf(page, '#activation-origin')).toBe('from the file');
    expect(await textOf(page, '#thresholds-origin')).toBe('from the file');
    expect(await textOf(page, '#answer-note')).toMatch(
      /^(None|\d+) of \d+ findings reach(es)? (its|their) threshold\.$/,
    );
    expect(await page.$$eval('.threshold:not([hidden])', (marks) => marks.length)).toBeGreaterThan(0);
    await shoot(page, 'multi-label');
  });
});
