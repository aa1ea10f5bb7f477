/** The page of one peer: it knows nothing but to answer. Used by the command line's browser and by the bench page. */
import { installCounters } from '../../src/bench/counters.js';
import { disguiseAdapters, isDisguise } from '../../src/bench/disguise.js';
import type { Host, JaxLibrary, LitertLibrary, OrtBuild, TfLibrary } from '../../src/bench/peer.js';
import type { Reply } from '../../src/bench/protocol.js';
import { installRecorder } from '../../src/bench/recorder.js';
import { peerSession } from '../../src/bench/session.js';

/** A library's URL beside this page, by what the peers call it. */
const ORT: Readonly<Record<OrtBuild, string>> = {
  webgpu: './ort/ort.webgpu.bundle.min.mjs',
  jsep: './ort/ort.bundle.min.mjs',
  wasm: './ort/ort.wasm.bundle.min.mjs',
  node: '',
};

interface LitertModule extends LitertLibrary {
  loadLiteRt(wasmFolder: string, options: { readonly threads: boolean }): Promise<unknown>;
}

const absolute = (url: string) => new URL(url, document.baseURI).href;

const libraries: Host = {
  async read(name) {
    const response = await fetch(name);
    if (!response.ok) throw new Error(`${name}: status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  },
  ours: () => import(absolute('../dist/densenet-webgpu.js')),
  async ort(build, threads) {
    const ort: typeof import('onnxruntime-web') = await import(absolute(ORT[build]));
    ort.env.wasm.numThreads = threads;
    return ort;
  },
  async tf(backend, threads) {
    const library: { open(wasmFolder: string, threads: number): TfLibrary } = await import(
      absolute(`./tfjs-${backend}.js`)
    );
    return library.open(absolute('./tfjs/'), threads);
  },
  async litert(threads) {
    const library: LitertModule = await import(absolute('./litert.js'));
    await library.loadLiteRt(absolute('./litert/'), { threads: threads > 1 });
    return library;
  },
  async jax() {
    const { library }: { library: JaxLibrary } = await import(absolute('./jax.js'));
    return library;
  },
};

/** `?as=intel`: the adapter says that it is such a GPU. `?record`: kernels are recorded and nothing is computed. */
const query = new URLSearchParams(location.search);
const vendor = query.get('as') ?? '';
const realAdapter = isDisguise(vendor) && navigator.gpu ? disguiseAdapters(navigator.gpu, vendor) : undefined;
const host = realAdapter ? { ...libraries, realAdapter } : libraries;
const session = peerSession(host, installCounters(), query.has('record') ? installRecorder() : undefined);

async function call(method: string, argument: unknown): Promise<Reply> {
  try {
    const handler: unknown = Object.hasOwn(session, method) ? Reflect.get(session, method) : undefined;
    if (typeof handler !== 'function') throw new Error(`there is no method "${method}"`);
    return { value: await handler(argument) };
  } catch (error) {
    return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

/** `postReply` posts the reply to a URL: a wait through the browser's debugger would be cut short. */
const peer = {
  call,
  async postReply(method: string, argument: unknown, url: string): Promise<void> {
    await fetch(url, { method: 'POST', body: JSON.stringify(await call(method, argument)) });
  },
};

export type PeerPage = typeof peer;

Object.assign(globalThis, { peer });
