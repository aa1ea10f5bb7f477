/** One peer on one case, on its page or in its process: what can be asked of it, and the answers. */
import type { NetworkProfile } from '../index.js';
import type { Counters, Counts } from './counters.js';
import type { Host, Network, Task } from './peer.js';
import { openPeer } from './peers/open.js';
import type { RecordedPipeline, Recorder } from './recorder.js';

/** Milliseconds, one after another; they add up to the cold time. */
export interface ColdTimes {
  /** Fetching and evaluating the library. */
  readonly libraryMs: number;
  /** Fetching and reading the model, and whatever the library does before it says that it is ready. */
  readonly createMs: number;
  readonly firstMs: number;
}

/** Method → its argument and its answer. All answers are plain data. */
export interface Methods {
  cold: { argument: Task; answer: ColdTimes & { readonly logits: number[]; readonly adapter: string | null } };
  /** One inference after another; the milliseconds of each. */
  run: { argument: number; answer: number[] };
  /** What the last inference did, and its logits. */
  last: { argument: null; answer: Counts & { readonly logits: number[] } };
  profile: { argument: null; answer: NetworkProfile | null };
  /** The kernels of one inference; nothing is computed. Only where a recorder was installed. */
  record: { argument: null; answer: RecordedPipeline[] };
  /** URLs that the page has fetched. */
  resources: { argument: null; answer: string[] };
}

export type Method = keyof Methods;

type Handlers = { readonly [M in Method]: (argument: Methods[M]['argument']) => Promise<Methods[M]['answer']> };

export function peerSession(host: Host, counters: Counters, recorder?: Recorder): Handlers {
  let network: Network | null = null;
  let logits: Float32Array = new Float32Array();
  const opened = (): Network => {
    if (!network) throw new Error('the network has not been opened');
    return network;
  };
  return {
    async cold(task) {
      const started = performance.now();
      const create = await openPeer(host, task);
      const imported = performance.now();
      network = await create();
      const created = performance.now();
      logits = await network.run();
      const finished = performance.now();
      return {
        libraryMs: imported - started,
        createMs: created - imported,
        firstMs: finished - created,
        logits: [...logits],
        adapter: network.adapter ?? null,
      };
    },
    async run(count) {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        counters.reset();
        const started = performance.now();
        logits = await opened().run();
        times.push(performance.now() - started);
      }
      return times;
    },
    last: async () => ({ ...counters.read(), logits: [...logits] }),
    profile: async () => (await opened().profile?.()) ?? null,
    async record() {
      if (!recorder) throw new Error('no recorder was installed');
      recorder.start();
      await opened().run();
      return recorder.stop();
    },
    resources: async () => performance.getEntriesByType('resource').map(({ name }) => name),
  };
}
