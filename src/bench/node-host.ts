/** Files and libraries in a Node process; WebGPU through Dawn for those that expect a browser's. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PACKAGE } from '../cli/files.js';
import { anyGpu } from '../cli/node-runner.js';
import type { Host, OrtBuild, PeerName } from './peer.js';

/** Peers that bring their own way to the GPU, or need none. */
const WITHOUT_DAWN: ReadonlySet<PeerName> = new Set([
  'ort-node-webgpu',
  'ort-node-cpu',
  'ort-wasm',
  'ort-wasm-threads',
]);

export async function nodeHost(peer: PeerName): Promise<Host> {
  const gpu = WITHOUT_DAWN.has(peer) ? null : await anyGpu();
  if (gpu) pretendBrowser(gpu);
  return {
    ...(gpu ? { gpu } : {}),
    async read(name) {
      return new Uint8Array(await readFile(name));
    },
    ours: () => import(pathToFileURL(join(PACKAGE, 'dist/densenet-webgpu.js')).href),
    async ort(build, threads) {
      const ort = await importOrt(build);
      if (build !== 'node') ort.env.wasm.numThreads = threads;
      return ort;
    },
    async tf(backend) {
      if (backend !== 'webgpu') throw new Error('TensorFlow.js has no WebAssembly threads in Node');
      await import('@tensorflow/tfjs-backend-webgpu');
      return import('@tensorflow/tfjs-core');
    },
  };
}

/** Libraries made for browsers look for `navigator.gpu`, and hand over memory that they share with their threads. */
function pretendBrowser(gpu: GPU): void {
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
  const { prototype } = GPUQueue;
  const { writeBuffer } = prototype;
  // Dawn for Node answers "Invalid argument" to a view of a SharedArrayBuffer; without the copy ORT-web could not run.
  const wrapped = function (
    this: GPUQueue,
    buffer: GPUBuffer,
    offset: number,
    data: Source,
    from?: number,
    size?: number,
  ) {
    return writeBuffer.call(this, buffer, offset, copyOfShared(data) ?? data, from, size);
  };
  Object.assign(prototype, { writeBuffer: wrapped });
}

type Source = GPUAllowSharedBufferSource;

function copyOfShared(data: unknown): Uint8Array<ArrayBuffer> | null {
  if (!ArrayBuffer.isView(data) || data.buffer instanceof ArrayBuffer) return null;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
}

async function importOrt(build: OrtBuild): Promise<typeof import('onnxruntime-web')> {
  switch (build) {
    case 'webgpu':
      return import('onnxruntime-web/webgpu');
    case 'wasm':
    case 'jsep':
      // Its entry for Node, which has WebAssembly alone; `onnxruntime-web/wasm` cannot start threads here.
      return import('onnxruntime-web');
    case 'node':
      return import('onnxruntime-node');
  }
}
