/** A peer in a frame of the bench page, for people; the command line gives each a page of its own. */
import type { PeerName } from '../../src/bench/peer.js';
import { type Method, type Methods, type PeerClient, PendingCalls, type Reply } from '../../src/bench/protocol.js';
import type { PeerPage } from './peer.js';

const TIMEOUT_MS = 600_000;

/** The harness is the same for all peers, and does not count as a download. */
const NOT_COUNTED = /\/bench\/(peer\.|chunk)/;

declare global {
  interface Window {
    /** Set by the peer's page. */
    peer?: PeerPage;
  }
}

/** @param signal ends the calls that wait, and removes the frame */
export async function openFrame(name: PeerName, parent: Element, signal: AbortSignal): Promise<PeerClient> {
  signal.throwIfAborted();
  const frame = document.createElement('iframe');
  frame.title = name;
  frame.src = `bench/peer.html?name=${name}`;
  parent.append(frame);
  signal.addEventListener('abort', () => frame.remove());
  await new Promise((resolve, reject) => {
    frame.onload = resolve;
    frame.onerror = () => reject(new Error(`the frame of ${name} did not load`));
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  const peer = frame.contentWindow?.peer;
  if (!peer) throw new Error(`the page of ${name} did not start`);
  const calls = new PendingCalls();
  signal.addEventListener('abort', () => calls.fail('cancelled'));
  async function call<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['reply']> {
    const send = (id: number) => void peer?.call(method, argument).then((reply: Reply) => calls.receive(id, reply));
    return (await calls.call(method, TIMEOUT_MS, send)) as Methods[M]['reply'];
  }
  return {
    name,
    call,
    async downloadBytes() {
      const urls = (await call('resources', null)).filter((url) => !url.startsWith('blob:') && !NOT_COUNTED.test(url));
      const sizes = await Promise.all([...new Set(urls)].map(gzippedBytes));
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    close: async () => frame.remove(),
  };
}

/** What the file takes on the way when its server compresses it; this page's own server does not. */
async function gzippedBytes(url: string): Promise<number> {
  const { body } = await fetch(url);
  if (!body) return 0;
  return (await new Response(body.pipeThrough(new CompressionStream('gzip'))).arrayBuffer()).byteLength;
}
