/** A peer in a frame of the bench page, for people; the command line gives each a page of its own. */
import { type Answer, type Contender, Mailbox } from '../../src/bench/contender.js';
import type { PeerName } from '../../src/bench/peer.js';
import type { Method, Methods } from '../../src/bench/session.js';
import type { PeerPage } from './peer.js';

const TIMEOUT_MS = 600_000;

declare global {
  interface Window {
    /** Set by the peer's page. */
    peer?: PeerPage;
  }
}

export async function openFrame(name: PeerName, parent: Element): Promise<Contender> {
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
  const mail = new Mailbox();
  return {
    name,
    async ask<M extends Method>(method: M, argument: Methods[M]['argument']) {
      const send = (id: number) => void peer.ask(method, argument).then((answer: Answer) => mail.deliver(id, answer));
      return (await mail.ask(method, TIMEOUT_MS, send)) as Methods[M]['answer'];
    },
    downloadBytes: async () => null,
    close: async () => frame.remove(),
  };
}
