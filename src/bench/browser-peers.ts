/** Peers in one headless browser, each on a page of its own; and the server of those pages. */
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'puppeteer-core';
import { launchBrowser } from '../cli/browser.js';
import type { BrowserKind } from '../cli/installed-browsers.js';
import { BENCH_CSP, BENCH_FOLDERS } from '../cli/serve.js';
import { type PostHandler, startServer } from '../cli/server.js';
import type { CaseFiles } from './case-files.js';
import type { Disguise } from './disguise.js';
import type { ModelFiles, PeerName } from './peer.js';
import { type Method, type Methods, type PeerClient, PendingCalls } from './protocol.js';

/** Logits as JSON are the largest reply: 32 × 1000 numbers take less than 1 MB. */
const MAX_REPLY_BYTES = 2 ** 26;

/** The model and the harness are the same for all peers and do not count as a download. */
const NOT_COUNTED = /^(case\/|reply\/|bench\/peer\.|bench\/chunk)/;

export interface BrowserPeers {
  readonly files: ModelFiles;
  readonly version: string;
  /** @param query of the page's address, for `demo/bench/peer.ts` */
  open(name: PeerName, query?: string): Promise<PeerClient>;
  close(): Promise<void>;
}

export interface BrowserOptions {
  readonly timeoutMs: number;
  /** The GPU that is presented to the peers instead of the real one. */
  readonly as?: Disguise;
}

/** Starts a browser with an empty cache, for one case. */
export async function openBrowserPeers(
  kind: BrowserKind,
  { bytes }: CaseFiles,
  { timeoutMs, as }: BrowserOptions,
): Promise<BrowserPeers> {
  const served = new Map(Object.entries(bytes).map(([name, value]): [string, Uint8Array] => [`/case/${name}`, value]));
  const callsByPeer = new Map<string, PendingCalls>();
  const onPost = (path: string): PostHandler | undefined => {
    const [, peer = '', id = ''] = /^\/reply\/([\w-]+)\/(\d+)$/.exec(path) ?? [];
    const calls = callsByPeer.get(peer);
    return calls && { maxBytes: MAX_REPLY_BYTES, receive: (body) => calls.receive(Number(id), JSON.parse(`${body}`)) };
  };
  const browser = await launchBrowser(kind);
  const options = { folders: BENCH_FOLDERS, files: served, onPost, csp: BENCH_CSP, isPrivate: true };
  const server = await startServer(options);
  const urlOf = (name: keyof ModelFiles) => `${server.base}case/${name}`;
  browser.on('disconnected', () => {
    for (const calls of callsByPeer.values()) calls.fail('the browser ended');
  });
  return {
    files: {
      safetensors: urlOf('safetensors'),
      onnx: urlOf('onnx'),
      tfjs: urlOf('tfjs'),
      tfjsWeights: urlOf('tfjsWeights'),
      tflite: urlOf('tflite'),
      input: urlOf('input'),
    },
    version: await browser.version(),
    async open(name, query = '') {
      const calls = new PendingCalls();
      callsByPeer.set(name, calls);
      const disguise = as === undefined ? '' : `&as=${as}`;
      const page = await openPage(browser, `${server.base}bench/peer.html?name=${name}${disguise}${query}`, calls);
      return clientOf(page, name, calls, server.base, timeoutMs);
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}

async function openPage(browser: Browser, url: string, calls: PendingCalls): Promise<Page> {
  const page = await browser.newPage();
  page.on('error', (error) => calls.fail(`the page crashed: ${error.message}`));
  await page.goto(url);
  await page.waitForFunction('globalThis.peer !== undefined', { timeout: 60_000 });
  return page;
}

function clientOf(page: Page, name: PeerName, calls: PendingCalls, base: string, timeoutMs: number): PeerClient {
  async function call<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['reply']> {
    await page.bringToFront();
    const script = `void globalThis.peer.postReply(${JSON.stringify(method)}, ${JSON.stringify(argument)}, `;
    const send = (id: number) =>
      void page
        .evaluate(`${script}'${base}reply/${name}/${id}')`)
        .catch((error) => calls.receive(id, { error: String(error) }));
    return (await calls.call(method, timeoutMs, send)) as Methods[M]['reply'];
  }
  return {
    name,
    call,
    downloadBytes: async () => gzippedBytes(await call('resources', null), base),
    close: () => page.close(),
  };
}

const sizes = new Map<string, number>();

/** The sum of the files' gzipped sizes; compressed here, so that no server's settings matter. */
async function gzippedBytes(urls: readonly string[], base: string): Promise<number> {
  const own = urls.filter((url) => url.startsWith(base)).map((url) => new URL(url).pathname);
  const paths = new Set(own.map((path) => path.slice(new URL(base).pathname.length)));
  let total = 0;
  for (const path of [...paths].filter((name) => !NOT_COUNTED.test(name))) {
    let size = sizes.get(path);
    if (size === undefined) {
      const body = await (await fetch(base + path)).arrayBuffer();
      size = gzipSync(body, { level: 9 }).length;
      sizes.set(path, size);
    }
    total += size;
  }
  return total;
}
