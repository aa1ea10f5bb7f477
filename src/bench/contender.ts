/** A peer at work somewhere: asked by message, with every wait bounded. */
import type { PeerName } from './peer.js';
import type { Method, Methods } from './session.js';

export interface Contender {
  readonly name: PeerName;
  /** @throws Error with the peer's own message, or when it does not answer in time */
  ask<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['answer']>;
  /** Bytes, gzipped, of all that its page has fetched besides the model and the harness; null outside a browser. */
  downloadBytes(): Promise<number | null>;
  close(): Promise<void>;
}

/** What travels back. */
export type Answer = { readonly value: unknown } | { readonly error: string };

export function answerOf(reason: unknown): Answer {
  return { error: reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason) };
}

/** Questions that wait for their answers, by number. */
export class Mailbox {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private next = 0;
  private broken: string | null = null;

  /** @param send hands the question over; @throws Error when there is no answer within `milliseconds` */
  async ask(what: string, milliseconds: number, send: (id: number) => void): Promise<unknown> {
    if (this.broken !== null) throw new Error(this.broken);
    const id = this.next++;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      timer = setTimeout(() => resolve({ error: `no answer to ${what} in ${milliseconds / 1000} s` }), milliseconds);
      send(id);
    });
    clearTimeout(timer);
    this.waiting.delete(id);
    if ('error' in answer) throw new Error(answer.error);
    return answer.value;
  }

  deliver(id: number, answer: Answer): void {
    this.waiting.get(id)?.(answer);
  }

  /** No answer will come any more. */
  fail(reason: string): void {
    this.broken = reason;
    for (const resolve of this.waiting.values()) resolve({ error: reason });
  }
}
