/**
 * The projects of docs/embedding.md, built with the packed package and opened: each classifies the picture.
 *
 * `npm test` runs the quick ones in Chrome. EMBEDDING=all runs all of them in every browser, EMBEDDING=write also writes
 * the table of docs/embedding.md.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser } from '../../src/cli/browser.js';
import { findBrowser } from '../../src/cli/installed-browsers.js';
import { type RunningServer, startServer } from '../../src/cli/server.js';
import { installPacked, NPM } from '../cli/packed.js';
import { PROGRAMS, prepareProgram } from './programs.js';
import { CAT, folderOf, PROJECTS, type Project, prepare } from './projects.js';
import { type Passed, rowOf, writeTable } from './table.js';

const MODE = process.env.EMBEDDING;
const BROWSERS = MODE ? (['chrome', 'firefox'] as const) : (['chrome'] as const);
/** A camera that shows a test pattern. */
const CAMERA = { chromeFlags: ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'] };
const BUILD_MS = 180_000;
const ANSWER_MS = 60_000;

const [, CSP = ''] = /^Content-Security-Policy: (.+)\n$/.exec(read('csp.txt')) ?? [];
const passed: Passed[] = [];

function read(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, import.meta.url)), 'utf8');
}

describe.skipIf(!NPM)('a project with the packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'densenet-webgpu-embedding-'));
  const packed = join(folder, 'node_modules/densenet-webgpu');
  const served = new Map<string, string>();
  const browsers = new Map<string, Promise<Browser>>();

  beforeAll(() => {
    installPacked(folder);
  });
  afterAll(async () => {
    for (const browser of browsers.values()) await (await browser).close();
    if (MODE === 'write')
      writeTable([...PROJECTS, ...PROGRAMS].map((row) => rowOf(row, folderOf(packed, row.name), passed)));
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(project: Project, kind: 'chrome' | 'firefox'): Promise<{ page: Page; server: RunningServer }> {
    const browser = browsers.get(kind) ?? launchBrowser(kind, CAMERA);
    browsers.set(kind, browser);
    const root = served.get(project.name) ?? prepare(project, packed);
    served.set(project.name, root);
    const server = await startServer({
      folders: { '/': root },
      files: new Map([['/favicon.ico', '']]),
      // The model cache asks whether the server still has the same file.
      headers: { ETag: '"1"' },
      csp: project.isWithoutCsp ? '' : CSP,
    });
    const page = await (await browser).newPage();
    if (project.name === 'script') await serveCdn(page, packed);
    return { page, server };
  }

  async function answerOf(page: Page, address: string, button?: string): Promise<string> {
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(address);
    if (button !== undefined) await (await page.waitForSelector(`${button}:not([disabled])`))?.click();
    const script = "document.querySelector('output')?.textContent || null";
    const answer = await page.waitForFunction(script, { timeout: ANSWER_MS }).catch(() => null);
    expect(problems).toEqual([]);
    return String(await answer?.jsonValue());
  }

  const projects = PROJECTS.filter(({ isQuick }) => MODE || isQuick);
  for (const kind of BROWSERS) {
    describe.skipIf(!findBrowser(kind))(`in ${kind}`, () => {
      const here = projects.filter(({ notIn }) => kind === 'chrome' || !notIn?.includes(kind));
      it.each(here.map((project) => [project.title, project] as const))(
        '%s',
        async (_, project) => {
          const { page, server } = await open(project, kind);
          try {
            expect(await answerOf(page, `${server.origin}/`, project.button)).toMatch(project.answer ?? CAT);
            passed.push({ name: project.name, where: kind });
          } finally {
            await page.close();
            await server.close();
          }
        },
        BUILD_MS,
      );
    });
  }

  describe.skipIf(!findBrowser('chrome'))('that expects errors', () => {
    const project = PROJECTS.find(({ name }) => name === 'errors');

    it.each([
      ['without WebGPU', { gpu: false, model: true }, /^there is no WebGPU here/],
      ['without the model', { gpu: true, model: false }, /^The model is not there: \/model.safetensors answered 404/],
    ])('says so %s', async (_, has, message) => {
      if (!project) throw new Error('there is no project of errors');
      const { page, server } = await open(project, 'chrome');
      if (!has.gpu) await page.evaluateOnNewDocument('delete Navigator.prototype.gpu');
      if (!has.model) rmSync(join(served.get(project.name) ?? '', 'model.safetensors'));
      expect(await answerOf(page, `${server.origin}/`)).toMatch(message);
      await page.close();
      await server.close();
    });
  });

  it.skipIf(!MODE || !findBrowser('chrome'))('keeps the model for the second visit', async () => {
    const project = PROJECTS.find(({ name }) => name === 'offline');
    if (!project) throw new Error('there is no project of the model cache');
    const { page, server } = await open(project, 'chrome');
    for (const from of ['network', 'cache']) {
      expect(await answerOf(page, `${server.origin}/`)).toMatch(CAT);
      expect(await page.$eval('p', ({ textContent }) => textContent)).toBe(`100 % from the ${from}`);
    }
    await page.close();
    await server.close();
  });

  for (const program of PROGRAMS.filter(({ isQuick }) => MODE || isQuick)) {
    it.skipIf(program.missing())(program.title, () => {
      expect(program.run(prepareProgram(program, packed))).toMatch(program.answer);
      passed.push({ name: program.name, where: program.where });
    });
  }
});

/** Answers the requests to unpkg with the file that the package names for it. */
async function serveCdn(page: Page, packed: string): Promise<void> {
  const { unpkg } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
  const script = readFileSync(join(packed, unpkg), 'utf8');
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const isCdn = request.url() === 'https://unpkg.com/densenet-webgpu@0.1';
    const answer = isCdn ? request.respond({ contentType: 'text/javascript', body: script }) : request.continue();
    answer.catch(() => {});
  });
}
