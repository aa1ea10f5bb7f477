/**
 * Peers: the libraries that the benchmark compares. Each turns a model file into a network that runs. The same code runs
 * on a page and in a Node process; only the `Host` differs.
 */
import type * as Jax from '@jax-js/jax';
import type * as Tf from '@tensorflow/tfjs-core';
import type * as Ort from 'onnxruntime-web';
import type * as Ours from '../index.js';

export type Shape4 = readonly [batch: number, channels: number, height: number, width: number];

/** One case for one peer, as it is sent to the page or the process. */
export interface Task {
  readonly peer: PeerName;
  readonly shape: Shape4;
  readonly classes: number;
  /** Names that {@link Host.read} understands. */
  readonly files: ModelFiles;
  readonly threads: number;
}

/** The same network in each library's own format; `input` is NCHW floats. */
export interface ModelFiles {
  readonly safetensors: string;
  readonly onnx: string;
  readonly tfjs: string;
  readonly tfjsWeights: string;
  /** Made by `make_tflite.py`; only the LiteRT peers need it. */
  readonly tflite: string;
  readonly input: string;
}

export type OrtBuild = 'webgpu' | 'jsep' | 'wasm' | 'node';
export type TfBackend = 'webgpu' | 'wasm';

/** The part of TensorFlow.js that the peer uses; a page downloads only what this needs. */
export type TfLibrary = Pick<
  typeof Tf,
  | 'avgPool'
  | 'batchNorm4d'
  | 'concat4d'
  | 'fused'
  | 'keep'
  | 'maxPool'
  | 'mean'
  | 'ready'
  | 'relu'
  | 'setBackend'
  | 'tensor1d'
  | 'tensor2d'
  | 'tensor4d'
  | 'tidy'
>;

/** The part of LiteRT.js that the peer uses. Its own types would change those of `Float32Array` in the whole project. */
export interface LitertLibrary {
  readonly Tensor: new (data: Float32Array, shape: readonly number[]) => LitertTensor;
  loadAndCompile(model: Uint8Array, options: LitertOptions): Promise<LitertModel>;
}

interface LitertTensor {
  data(): Promise<ArrayLike<number>>;
  delete(): void;
}

interface LitertModel {
  readonly isFullyAccelerated: boolean;
  run(input: LitertTensor): Promise<readonly LitertTensor[]>;
}

interface LitertOptions {
  readonly accelerator: 'webgpu' | 'wasm';
  readonly cpuOptions: { readonly numThreads: number };
  readonly gpuOptions: { readonly precision: 'fp16' | 'fp32' };
}

export type JaxLibrary = Pick<typeof Jax, 'defaultDevice' | 'init' | 'jit' | 'lax' | 'nn' | 'numpy'>;

/** Loads files and libraries. Importing a library is part of the cold time. */
export interface Host {
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  ours(): Promise<typeof Ours>;
  ort(build: OrtBuild, threads: number): Promise<typeof Ort>;
  tf(backend: TfBackend, threads: number): Promise<TfLibrary>;
  litert(threads: number): Promise<LitertLibrary>;
  jax(): Promise<JaxLibrary>;
  readonly gpu?: GPU;
  /** The name of the real adapter, where another is presented. */
  realAdapter?(): string | null;
}

/** Ready to run: `run` uploads the input, computes, and reads the logits [N · classes] back. */
export interface Network {
  run(): Promise<Float32Array>;
  profile?(): Promise<Ours.NetworkProfile>;
  readonly adapter?: string;
  /** Of this package alone. */
  readonly row?: KernelRow;
}

/** This package has rows of tiles for software adapters, and rows for GPUs. */
export interface KernelRow {
  readonly family: 'software row' | 'GPU row';
  /** As `src/kernels/machines.ts` calls it. */
  readonly name: string;
}

/** What computes a result: a row of ours, kernels that a library has for GPUs alone, or WebAssembly and native code. */
export type KernelFamily = KernelRow['family'] | 'own GPU kernels' | 'CPU';

export interface PeerRow {
  /** For the table's legend. */
  readonly title: string;
  readonly backends: readonly ('browser' | 'node')[];
  /** Whether it runs when `--peers` is not given. */
  readonly standard: boolean;
  /** The largest error of the logits that passes, relative to the largest logit of the reference. */
  readonly tolerance: number;
  readonly runsOn: 'webgpu' | 'cpu';
  /** The npm package that holds it. */
  readonly package: string;
  readonly needsTflite?: true;
}

const F32 = 1e-3;
const F16 = 2e-2;

export const PEERS = {
  ours: {
    title: 'densenet-webgpu, f32',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'densenet-webgpu',
  },
  'ours-f16': {
    title: 'densenet-webgpu, f16 storage of features and weights',
    backends: ['browser', 'node'],
    standard: false,
    tolerance: F16,
    runsOn: 'webgpu',
    package: 'densenet-webgpu',
  },
  'ours-tuned': {
    title: 'densenet-webgpu, f32, tiles measured for up to two minutes on this adapter (load({ tune }))',
    backends: ['browser', 'node'],
    standard: false,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'densenet-webgpu',
  },
  'ort-webgpu': {
    title: 'onnxruntime-web/webgpu, WebGPU execution provider',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'onnxruntime-web',
  },
  'ort-webgpu-capture': {
    title: 'onnxruntime-web/webgpu with graph capture, input and output in GPU buffers of its own',
    backends: ['browser', 'node'],
    standard: false,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'onnxruntime-web',
  },
  'ort-jsep': {
    title: 'onnxruntime-web (default import, jsep)',
    backends: ['browser'],
    standard: false,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'onnxruntime-web',
  },
  'ort-wasm': {
    title: 'onnxruntime-web/wasm, 1 thread',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: 'onnxruntime-web',
  },
  'ort-wasm-threads': {
    title: 'onnxruntime-web/wasm, a thread per core',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: 'onnxruntime-web',
  },
  'tfjs-webgpu': {
    title: '@tensorflow/tfjs-backend-webgpu, fused operations',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: '@tensorflow/tfjs-backend-webgpu',
  },
  'tfjs-wasm': {
    title: '@tensorflow/tfjs-backend-wasm, fused operations, a thread per core',
    backends: ['browser'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: '@tensorflow/tfjs-backend-wasm',
  },
  'litert-webgpu': {
    title: '@litertjs/core, WebGPU, f32',
    backends: ['browser'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: '@litertjs/core',
    needsTflite: true,
  },
  'litert-wasm': {
    title: '@litertjs/core, CPU (XNNPACK), 1 thread',
    backends: ['browser'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: '@litertjs/core',
    needsTflite: true,
  },
  'litert-wasm-threads': {
    title: '@litertjs/core, CPU (XNNPACK), a thread per core',
    backends: ['browser'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: '@litertjs/core',
    needsTflite: true,
  },
  'jax-js': {
    title: '@jax-js/jax, WebGPU, compiled by jit',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: '@jax-js/jax',
  },
  'ort-node-webgpu': {
    title: 'onnxruntime-node, WebGPU execution provider',
    backends: ['node'],
    standard: true,
    tolerance: F32,
    runsOn: 'webgpu',
    package: 'onnxruntime-node',
  },
  'ort-node-cpu': {
    title: 'onnxruntime-node, CPU, a thread per core',
    backends: ['node'],
    standard: true,
    tolerance: F32,
    runsOn: 'cpu',
    package: 'onnxruntime-node',
  },
} as const satisfies Readonly<Record<string, PeerRow>>;

export type PeerName = keyof typeof PEERS;

export const isPeerName = (name: string): name is PeerName => Object.hasOwn(PEERS, name);
export const peerRow = (name: PeerName): PeerRow => PEERS[name];

export const asFloats = (bytes: Uint8Array): Float32Array<ArrayBuffer> => new Float32Array(bytes.slice().buffer);
