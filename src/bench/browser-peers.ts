/** Peers in one headless browser, each on a page of its own; and the server of those pages. */
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'puppeteer-core';
import { launchBrowser } from '../cli/browser.js';
import type { BrowserKind } from '../cli/installed-browsers.js';
import { BENCH_CSP, BENCH_FOLDERS } from '../cli/serve.js';
import { startServer } from '../cli/server.js';
import type { CaseFiles } from './case-files.js';
import type { ModelFiles, PeerName } from './peer.js';
import { type Method, type Methods, type PeerClient, PendingCalls, type Reply } from './protocol.js';

/** The model and the harness are the same for all peers and do not count as a download. */
const NOT_COUNTED = /^\/(case\/|reply\/|bench\/peer\.|bench\/chunk)/;

export interface BrowserPeers {
  readonly files: ModelFiles;
  readonly version: string;
  /** @param query of the page's address, for `demo/bench/peer.ts` */
  open(name: PeerName, query?: string): Promise<PeerClient>;
  close(): Promise<void>;
}

/** Starts a browser with an empty cache, for one case. */
export async function openBrowserPeers(
  kind: BrowserKind,
  { bytes }: CaseFiles,
  timeoutMs: number,
): Promise<BrowserPeers> {
  const files: ModelFiles = {
    safetensors: '/case/safetensors',
    onnx: '/case/onnx',
    tfjs: '/case/tfjs',
    tfjsWeights: '/case/tfjsWeights',
    input: '/case/input',
  };
  const served = new Map(Object.entries(bytes).map(([name, value]): [string, Uint8Array] => [`/case/${name}`, value]));
  const callsByPeer = new Map<string, PendingCalls>();
  const onPost = (url: string, body: Buffer) => {
    const [, peer = '', id = ''] = /^\/reply\/([\w-]+)\/(\d+)$/.exec(url) ?? [];
    const reply: Reply = JSON.parse(body.toString());
    callsByPeer.get(peer)?.receive(Number(id), reply);
  };
  const browser = await launchBrowser(kind);
  const server = await startServer({ folders: BENCH_FOLDERS, files: served, onPost, csp: BENCH_CSP });
  browser.on('disconnected', () => {
    for (const calls of callsByPeer.values()) calls.fail('the browser ended');
  });
  return {
    files,
    version: await browser.version(),
    async open(name, query = '') {
      const calls = new PendingCalls();
      callsByPeer.set(name, calls);
      const page = await openPage(browser, `${server.origin}/bench/peer.html?name=${name}${query}`, calls);
      return clientOf(page, name, calls, server.origin, timeoutMs);
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

function clientOf(page: Page, name: PeerName, calls: PendingCalls, origin: string, timeoutMs: number): PeerClient {
  async function call<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['reply']> {
    await page.bringToFront();
    const script = `void globalThis.peer.postReply(${JSON.stringify(method)}, ${JSON.stringify(argument)}, `;
    const send = (id: number) =>
      void page
        .evaluate(`${script}'/reply/${name}/${id}')`)
        .catch((error) => calls.receive(id, { error: String(error) }));
    return (await calls.call(method, timeoutMs, send)) as Methods[M]['reply'];
  }
  return {
    name,
    call,
    downloadBytes: async () => gzippedBytes(await call('resources', null), origin),
    close: () => page.close(),
  };
}

const sizes = new Map<string, number>();

/** The sum of the files' gzipped sizes; compressed here, so that no server's settings matter. */
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
