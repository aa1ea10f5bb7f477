/** A peer in a frame of the bench page, for people; the command line gives each a page of its own. */
import type { PeerName } from '../../src/bench/peer.js';
import { type Method, type Methods, type PeerClient, PendingCalls, type Reply } from '../../src/bench/protocol.js';
import type { PeerPage } from './peer.js';

const TIMEOUT_MS = 600_000;

declare global {
  interface Window {
    /** Set by the peer's page. */
    peer?: PeerPage;
  }
}

export async function openFrame(name: PeerName, parent: Element): Promise<PeerClient> {
  const frame = document.createElement('iframe');
  frame.title = name;
  frame.src = `bench/peer.html?name=${name}`;
  parent.append(frame);
  await new Promise((resolve, reject) => {
    frame.onload = resolve;
    frame.onerror = () => reject(new Error(`the frame of ${name} did not load`));
  });
  const peer = frame.contentWindow?.peer;
  if (!peer) throw new Error(`the page of ${name} did not start`);
  const calls = new PendingCalls();
  return {
    name,
    async call<M extends Method>(method: M, argument: Methods[M]['argument']) {
      const send = (id: number) => void peer.call(method, argument).then((reply: Reply) => calls.receive(id, reply));
      return (await calls.call(method, TIMEOUT_MS, send)) as Methods[M]['reply'];
    },
    downloadBytes: async () => null,
    close: async () => frame.remove(),
  };
}
