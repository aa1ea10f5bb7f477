/** How the benchmark talks to a peer on a page or in a process: by numbered messages, each with a timeout. */
import type { NetworkProfile } from '../index.js';
import type { Counts } from './counters.js';
import type { KernelRow, PeerName, Task } from './peer.js';
import type { RecordedPipeline } from './recorder.js';

/** In milliseconds; one phase follows the other, and their sum is the cold time. */
export interface ColdTimes {
  /** Fetching and evaluating the library. */
  readonly libraryMs: number;
  /** Fetching and reading the model, and all that the library does before it reports that it is ready. */
  readonly createMs: number;
  /** The first inference. */
  readonly firstMs: number;
}

export interface ColdResult {
  readonly logits: number[];
  /** The real adapter's name; null where the peer does not say. */
  readonly adapter: string | null;
  /** The row of this package's table; null for other libraries. */
  readonly row: KernelRow | null;
}

/** The methods of a peer, with their arguments and replies, which are plain data. */
export interface Methods {
  cold: { argument: Task; reply: ColdTimes & ColdResult };
  /** Runs that many inferences, one after another; replies with the milliseconds of each. */
  run: { argument: number; reply: number[] };
  /** The counts of the last inference, and its logits. */
  last: { argument: null; reply: Counts & { readonly logits: number[] } };
  profile: { argument: null; reply: NetworkProfile | null };
  /** The kernels of one inference; nothing is computed. Only where a recorder was installed. */
  record: { argument: null; reply: RecordedPipeline[] };
  /** URLs that the page has fetched. */
  resources: { argument: null; reply: string[] };
}

export type Method = keyof Methods;

/** A peer on a page or in a process, seen from the benchmark. */
export interface PeerClient {
  readonly name: PeerName;
  /** @throws Error with the peer's own message, or when it does not reply in time */
  call<M extends Method>(method: M, argument: Methods[M]['argument']): Promise<Methods[M]['reply']>;
  /** Gzipped bytes of all that the peer's page fetched, without the model and the harness; null outside a browser. */
  downloadBytes(): Promise<number | null>;
  close(): Promise<void>;
}

export type Reply = { readonly value: unknown } | { readonly error: string };

export function errorReply(reason: unknown): Reply {
  return { error: reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason) };
}

/** Calls that wait for their replies, by number. */
export class PendingCalls {
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private next = 0;
  private failure: string | null = null;

  /**
   * @param send delivers the call to the peer under this number
   * @throws Error with the peer's message, or when there is no reply within `timeoutMs`
   */
  async call(method: string, timeoutMs: number, send: (id: number) => void): Promise<unknown> {
    if (this.failure !== null) throw new Error(this.failure);
    const id = this.next++;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const reply = await new Promise<Reply>((resolve) => {
      this.waiting.set(id, resolve);
      timer = setTimeout(() => resolve({ error: `no reply to ${method} within ${timeoutMs / 1000} s` }), timeoutMs);
      send(id);
    });
    clearTimeout(timer);
    this.waiting.delete(id);
    if ('error' in reply) throw new Error(reply.error);
    return reply.value;
  }

  receive(id: number, reply: Reply): void {
    this.waiting.get(id)?.(reply);
  }

  /** Rejects all pending calls and all later ones: the peer is gone. */
  fail(reason: string): void {
    this.failure = reason;
    for (const resolve of this.waiting.values()) resolve({ error: reason });
  }
}
