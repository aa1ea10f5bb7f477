/** Peer's name → the code that opens it. */
import type { Host, Network, Task } from '../peer.js';
import { type OrtChoice, openOrt } from './ort.js';
import { openOurs } from './ours.js';
import { openTfjs } from './tfjs.js';

/** Imports the peer's library, then gives what creates the network, so that the two can be timed apart. */
export function openPeer(host: Host, task: Task): Promise<() => Promise<Network>> {
  const { threads } = task;
  const ort = (choice: Partial<OrtChoice> & Pick<OrtChoice, 'build' | 'provider'>) =>
    openOrt(host, task, { threads: 1, ...choice });
  switch (task.peer) {
    case 'ours':
      return openOurs(host, task, false);
    case 'ours-f16':
      return openOurs(host, task, true);
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
  }
}
