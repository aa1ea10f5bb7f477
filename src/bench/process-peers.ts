/** A peer in a Node process of its own, over Dawn or a native runtime: the benchmark's end, and the process's end. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { anyGpu } from '../cli/dawn.js';
import { PACKAGE } from '../cli/files.js';
import { installCounters } from './counters.js';
import { type Disguise, disguiseAdapters } from './disguise.js';
import type { Host, OrtBuild, PeerName } from './peer.js';
import { errorReply, type Method, type Methods, type PeerClient, PendingCalls, type Reply } from './protocol.js';
import { peerSession } from './session.js';

/** The hidden option with which `bench` starts its own processes. */
export const PROCESS_FLAG = '--peer-process';

/** The reply to a call; then a message that the process is idle again. */
type Message = { readonly id: number; readonly reply: Reply } | { readonly idle: true };

interface Call {
  readonly id: number;
  readonly method: Method;
  readonly argument: unknown;
}

export interface ProcessOptions {
  readonly timeoutMs: number;
  /** The GPU that is presented to the peer instead of the real one. */
  readonly as?: Disguise;
  readonly env?: Readonly<Record<string, string>>;
}

export function openProcess(name: PeerName, { timeoutMs, as, env = {} }: ProcessOptions): PeerClient {
  const disguise = as === undefined ? [] : ['--as', as];
  const child = fork(process.argv[1] ?? '', ['bench', PROCESS_FLAG, name, ...disguise], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const calls = new PendingCalls();
  let errorOutput = '';
  child.stderr?.on('data', (chunk) => {
    errorOutput = (errorOutput + chunk).slice(-400);
  });
  let onIdle = () => {};
  child.on('message', (message: Message) => {
    if ('reply' in message) calls.receive(message.id, message.reply);
    else onIdle();
  });
  child.on('error', (error) => calls.fail(`its process failed: ${error.message}`));
  child.on('exit', (code, signal) => {
    calls.fail(`its process ended (${signal ?? `exit code ${code}`}) ${errorOutput.trim()}`);
    onIdle();
  });
  return {
    name,
    async call<M extends Method>(method: M, argument: Methods[M]['argument']) {
      const send = (id: number) => child.send({ id, method, argument } satisfies Call);
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      resume(child);
      const reply = await calls.call(method, timeoutMs, send);
      await idle;
      suspend(child);
      return reply as Methods[M]['reply'];
    },
    downloadBytes: async () => null,
    async close() {
      resume(child);
      child.kill();
    },
  };
}

/**
 * A peer that is not running keeps threads that spin or poll, on the cores that the next peer computes on, so it is
 * suspended. Windows has no such signals; there the threads go on.
 */
const suspend = (child: ChildProcess) => process.platform !== 'win32' && child.kill('SIGSTOP');
const resume = (child: ChildProcess) => process.platform !== 'win32' && child.kill('SIGCONT');

/** The process's end: answers calls until the parent disconnects. */
export async function servePeer(name: PeerName, as: Disguise | undefined): Promise<number> {
  const host = await nodeHost(name, as);
  const session = peerSession(host, installCounters());
  process.on('message', async ({ id, method, argument }: Call) => {
    const reply = await invoke(session[method], argument).catch(errorReply);
    process.send?.({ id, reply } satisfies Message);
    await waitUntilIdle();
    process.send?.({ idle: true } satisfies Message);
  });
  await new Promise((resolve) => process.once('disconnect', resolve));
  return 0;
}

/** The caller is this same program, so the argument has the method's type. */
async function invoke(handler: unknown, argument: unknown): Promise<Reply> {
  if (typeof handler !== 'function') throw new Error('there is no such method');
  return { value: await handler(argument) };
}

const SAMPLE_MS = 250;
/** The share of one core below which the process counts as idle. */
const IDLE_SHARE = 0.1;
const LONGEST_WAIT_MS = 120_000;

/**
 * Waits until this process stops computing. V8 recompiles hot WebAssembly after the first inferences, for a minute where
 * functions are large (ORT-web); a peer that is suspended before would never get faster.
 */
async function waitUntilIdle(): Promise<void> {
  for (let waited = 0; waited < LONGEST_WAIT_MS; waited += SAMPLE_MS) {
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    const { user, system } = process.cpuUsage(before);
    if (user + system < IDLE_SHARE * SAMPLE_MS * 1000) return;
  }
}

/** Peers that have their own access to the GPU, or need none. */
const WITHOUT_DAWN: ReadonlySet<PeerName> = new Set([
  'ort-node-webgpu',
  'ort-node-cpu',
  'ort-wasm',
  'ort-wasm-threads',
]);

async function nodeHost(peer: PeerName, as: Disguise | undefined): Promise<Host> {
  const gpu = WITHOUT_DAWN.has(peer) ? null : await anyGpu();
  if (gpu) emulateNavigator(gpu);
  const realAdapter = gpu && as !== undefined ? disguiseAdapters(gpu, as) : undefined;
  return {
    ...(gpu ? { gpu } : {}),
    ...(realAdapter ? { realAdapter } : {}),
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
    litert: async () => {
      throw new Error('LiteRT.js runs in browsers only');
    },
    jax: () => import('@jax-js/jax'),
  };
}

/** Libraries made for browsers look for `navigator.gpu`, and upload from memory that they share with their threads. */
function emulateNavigator(gpu: GPU): void {
  Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'Node' }, configurable: true });
  const { prototype } = GPUQueue;
  const { writeBuffer } = prototype;
  // Dawn for Node rejects a view of a SharedArrayBuffer ("Invalid argument"); without a copy ORT-web does not run.
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
      // Its entry for Node, which has only WebAssembly; `onnxruntime-web/wasm` cannot start threads here.
      return import('onnxruntime-web');
    case 'node':
      return import('onnxruntime-node');
  }
}
