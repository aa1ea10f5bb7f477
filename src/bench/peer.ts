/**
 * Peers: the libraries that the benchmark compares. Each turns a model file into a network that runs. The same code runs
 * on a page and in a Node process; only the `Host` differs.
 */
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

/** Loads files and libraries. Importing a library is part of the cold time. */
export interface Host {
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  ours(): Promise<typeof Ours>;
  ort(build: OrtBuild, threads: number): Promise<typeof Ort>;
  tf(backend: TfBackend, threads: number): Promise<TfLibrary>;
  readonly gpu?: GPU;
}

/** Ready to run: `run` uploads the input, computes, and reads the logits [N · classes] back. */
export interface Network {
  run(): Promise<Float32Array>;
  profile?(): Promise<Ours.NetworkProfile>;
  readonly adapter?: string;
}

export interface PeerRow {
  /** For the table's legend. */
  readonly title: string;
  readonly backends: readonly ('browser' | 'node')[];
  /** Whether it runs when `--peers` is not given. */
  readonly standard: boolean;
  /** The largest error of the logits that passes, relative to the largest logit of the reference. */
  readonly tolerance: number;
}

const F32 = 1e-3;
const F16 = 2e-2;

export const PEERS = {
  ours: { title: 'densenet-webgpu, f32', backends: ['browser', 'node'], standard: true, tolerance: F32 },
  'ours-f16': {
    title: 'densenet-webgpu, f16 storage of features and weights',
    backends: ['browser', 'node'],
    standard: false,
    tolerance: F16,
  },
  'ort-webgpu': {
    title: 'onnxruntime-web/webgpu, WebGPU execution provider',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
  },
  'ort-webgpu-capture': {
    title: 'onnxruntime-web/webgpu with graph capture, input and output in GPU buffers of its own',
    backends: ['browser', 'node'],
    standard: false,
    tolerance: F32,
  },
  'ort-jsep': {
    title: 'onnxruntime-web (default import, jsep)',
    backends: ['browser'],
    standard: false,
    tolerance: F32,
  },
  'ort-wasm': {
    title: 'onnxruntime-web/wasm, 1 thread',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
  },
  'ort-wasm-threads': {
    title: 'onnxruntime-web/wasm, a thread per core',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
  },
  'tfjs-webgpu': {
    title: '@tensorflow/tfjs-backend-webgpu, fused operations',
    backends: ['browser', 'node'],
    standard: true,
    tolerance: F32,
  },
  'tfjs-wasm': {
    title: '@tensorflow/tfjs-backend-wasm, fused operations, a thread per core',
    backends: ['browser'],
    standard: true,
    tolerance: F32,
  },
  'ort-node-webgpu': {
    title: 'onnxruntime-node, WebGPU execution provider',
    backends: ['node'],
    standard: true,
    tolerance: F32,
  },
  'ort-node-cpu': {
    title: 'onnxruntime-node, CPU, a thread per core',
    backends: ['node'],
    standard: true,
    tolerance: F32,
  },
} as const satisfies Readonly<Record<string, PeerRow>>;

export type PeerName = keyof typeof PEERS;

export const isPeerName = (name: string): name is PeerName => Object.hasOwn(PEERS, name);
export const peerRow = (name: PeerName): PeerRow => PEERS[name];

export const asFloats = (bytes: Uint8Array): Float32Array<ArrayBuffer> => new Float32Array(bytes.slice().buffer);
