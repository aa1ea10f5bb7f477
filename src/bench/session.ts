/** One peer on one case, on its page or in its process: opens the peer and answers the calls of the benchmark. */
import type { Counters } from './counters.js';
import type { Host, Network, Task } from './peer.js';
import { openJax } from './peers/jax.js';
import { openLitert } from './peers/litert.js';
import { type OrtChoice, openOrt } from './peers/ort.js';
import { openOurs } from './peers/ours.js';
import { openTfjs } from './peers/tfjs.js';
import type { Method, Methods } from './protocol.js';
import type { Recorder } from './recorder.js';

type Handlers = { readonly [M in Method]: (argument: Methods[M]['argument']) => Promise<Methods[M]['reply']> };

export function peerSession(host: Host, counters: Counters, recorder?: Recorder): Handlers {
  let network: Network | null = null;
  let logits: Float32Array = new Float32Array();
  const opened = (): Network => {
    if (!network) throw new Error('the network is not open yet: call "cold" first');
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
        adapter: host.realAdapter?.() ?? network.adapter ?? null,
        row: network.row ?? null,
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

/** Imports the peer's library, then returns what creates the network, so that the two are timed separately. */
function openPeer(host: Host, task: Task): Promise<() => Promise<Network>> {
  const { threads } = task;
  const ort = (choice: Partial<OrtChoice> & Pick<OrtChoice, 'build' | 'provider'>) =>
    openOrt(host, task, { threads: 1, ...choice });
  switch (task.peer) {
    case 'ours':
      return openOurs(host, task, { precision: 'f32' });
    case 'ours-f16':
      return openOurs(host, task, { precision: 'f16', weights: 'f16' });
    case 'ours-tuned':
      return openOurs(host, task, { precision: 'f32', tune: { budget: 120_000 } });
    case 'ort-webgpu':
      return ort({ build: 'webgpu', provider: 'webgpu' });
    case 'ort-webgpu-capture':
      return ort({ build: 'webgpu', provider: 'webgpu', capture: true });
    case 'ort-jsep':
      return ort({ build: 'jsep', provider: 'webgpu' });
    case 'ort-wasm':
      return ort({ build: 'wasm', provider: 'wasm' });
    case 'ort-wasm-threads':
      return ort({ build: 'wasm', provider: 'wasm', threads });
    case 'ort-node-webgpu':
      return ort({ build: 'node', provider: 'webgpu' });
    case 'ort-node-cpu':
      return ort({ build: 'node', provider: 'cpu', threads });
    case 'tfjs-webgpu':
      return openTfjs(host, task, 'webgpu', 1);
    case 'tfjs-wasm':
      return openTfjs(host, task, 'wasm', threads);
    case 'litert-webgpu':
      return openLitert(host, task, 'webgpu', 1);
    case 'litert-wasm':
      return openLitert(host, task, 'wasm', 1);
    case 'litert-wasm-threads':
      return openLitert(host, task, 'wasm', threads);
    case 'jax-js':
      return openJax(host, task);
  }
}
