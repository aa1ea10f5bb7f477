/** Peers on pages of one headless browser, each on a fresh page; and the server behind them. */
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'puppeteer-core';
import { BENCH_CSP, BENCH_FOLDERS } from '../cli/bench-pages.js';
import { launchBrowser } from '../cli/browser.js';
import type { BrowserKind } from '../cli/installed-browsers.js';
import { startServer } from '../cli/server.js';
import type { CaseFiles } from './case-files.js';
import { type Answer, type Contender, Mailbox } from './contender.js';
import type { ModelFiles, PeerName } from './peer.js';
import type { Method, Methods } from './session.js';

/** The model and the harness are the same for everybody and are no part of a download. */
const NOT_COUNTED = /^\/(case\/|answer\/|bench\/peer\.|bench\/chunk)/;

export interface BrowserStage {
  readonly files: ModelFiles;
  readonly version: string;
  /** @param query of the page's address, for `demo/bench/peer.ts` */
  open(name: PeerName, query?: string): Promise<Contender>;
  close(): Promise<void>;
}

/** A fresh browser with an empty cache, for one case. */
export async function openStage(kind: BrowserKind, { bytes }: CaseFiles, timeoutMs: number): Promise<BrowserStage> {
  const files: ModelFiles = {
    safetensors: '/case/safetensors',
    onnx: '/case/onnx',
    tfjs: '/case/tfjs',
    tfjsWeights: '/case/tfjsWeights',
    input: '/case/input',
  };
  const served = new Map(Object.entries(bytes).map(([name, value]): [string, Uint8Array] => [`/case/${name}`, value]));
  const mailboxes = new Map<string, Mailbox>();
  const onPost = (url: string, body: Buffer) => {
    const [, peer = '', id = ''] = /^\/answer\/([\w-]+)\/(\d+)$/.exec(url) ?? [];
    const answer: Answer = JSON.parse(body.toString());
    mailboxes.get(peer)?.deliver(Number(id), answer);
  };
  const browser = await launchBrowser(kind);
  const server = await startServer({ folders: BENCH_FOLDERS, files: served, onPost, csp: BENCH_CSP });
  browser.on('disconnected', () => {
    for (const mail of mailboxes.values()) mail.fail('the browser ended');
  });
  return {
    files,
    version: await browser.version(),
    async open(name, query = '') {
      const mail = new Mailbox();
      mailboxes.set(name, mail);
      const page = await openPage(browser, `${server.origin}/bench/peer.html?name=${name}${query}`, mail);
      return contenderOn(page, name, mail, server.origin, timeoutMs);
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

async function openPage(browser: Browser, url: string, mail: Mailbox): Promise<Page> {
  const page = await browser.newPage();
  page.on('error', (error) => mail.fail(`the page crashed: ${error.message}`));
  await page.goto(url);
  await page.waitForFunction('globalThis.peer !== undefined', { timeout: 60_000 });
  return page;
}

function contenderOn(page: Page, name: PeerName, mail: Mailbox, origin: string, timeoutMs: number): Contender {
  async function ask<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['answer']> {
    await page.bringToFront();
    const call = `void globalThis.peer.answer(${JSON.stringify(method)}, ${JSON.stringify(argument)}, `;
    const send = (id: number) =>
      void page
        .evaluate(`${call}'/answer/${name}/${id}')`)
        .catch((error) => mail.deliver(id, { error: String(error) }));
    return (await mail.ask(method, timeoutMs, send)) as Methods[M]['answer'];
  }
  return {
    name,
    ask,
    downloadBytes: async () => gzippedBytes(await ask('resources', null), origin),
    close: () => page.close(),
  };
}

const sizes = new Map<string, number>();

/** Fetched again and compressed here, so that no server's compression settings count. */
async function gzippedBytes(urls: readonly string[], origin: string): Promise<number> {
  const paths = new Set(urls.filter((url) => url.startsWith(origin)).map((url) => new URL(url).pathname));
  let total = 0;
  for (const path of [...paths].filter((name) => !NOT_COUNTED.test(name))) {
    let size = sizes.get(path);
    if (size === undefined) {
      const body = await (await fetch(origin + path)).arrayBuffer();
      size = gzipSync(body, { level: 9 }).length;
      sizes.set(path, size);
    }
    total += size;
  }
  return total;
}
