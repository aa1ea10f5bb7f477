/** Option and result types of the public API. */
import type { CacheError, DeviceLostError, PrecisionOverflowError } from './core/errors.js';
import type { ImageSource } from './gpu/image-source.js';
import type { PreprocessSpec } from './preprocess/spec.js';

export type { ImageSource };

/**
 * The phase that `load` waits for. All phases begin as soon as the file's header has been received, and end in this order.
 * `loaded` and `total` are bytes, or counts for `compile` and `tune`; a total of 0 is unknown.
 */
export interface LoadProgress {
  readonly phase: 'download' | 'read' | 'upload' | 'compile' | 'tune';
  readonly loaded: number;
  readonly total: number;
  /** The bytes come from the cache, not from the network. */
  readonly fromCache?: true;
}

export interface TuneOptions {
  /** Milliseconds to spend on measuring. Default 5000; 0 measures nothing and only uses what is stored. */
  readonly budget?: number;
  /** Where results are kept. Default the page's `localStorage`, where there is one. */
  readonly store?: TuneStore;
}

/** What `load({ tune })` found. */
export interface Tuning {
  /** Kernel variants by shape, for `load({ tuned })` on the same kind of adapter. */
  readonly choices: Readonly<Record<string, string>>;
  /** One inference without and with them, median; null when all was known already. */
  readonly milliseconds: readonly [before: number, after: number] | null;
}

/** A store of small texts by name; `localStorage` and `sessionStorage` have the same methods. */
export interface TuneStore {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
}

export interface LoadOptions {
  /** Run on this device. `dispose()` does not destroy it, and its loss is not recovered from. */
  readonly device?: GPUDevice;
  /** Where a device is requested; default `navigator.gpu`. In Node: `create([])` of npm `webgpu`. */
  readonly gpu?: GPU;
  /**
   * Storage of feature maps: `f16` halves their memory on every adapter; `auto` uses it where the adapter has
   * `shader-f16`, and continues in f32 once a value does not fit. Default `f32`.
   */
  readonly precision?: 'auto' | 'f32' | 'f16';
  /** Storage of weights on the GPU; `f16` halves their memory on every adapter. Default: as the feature maps are stored. */
  readonly weights?: 'f32' | 'f16';
  /** Images per call that `load` prepares for; other batches are prepared when first used. Default 1. */
  readonly batch?: number;
  /** [height, width]; default from the model file's preprocessing, else 224 (ImageNet stem) or 32 (CIFAR stem). */
  readonly inputSize?: readonly [height: number, width: number];
  /** How images become inputs, instead of what the model file says. */
  readonly preprocess?: PreprocessSpec;
  /**
   * A head that was taught on this model: a file of `net.toSafetensors({ headOnly: true })`, by its URL or its bytes. Its
   * classes replace the model's. A head for other features is a ModelFormatError.
   */
  readonly head?: string | URL | Blob | ArrayBuffer | Uint8Array;
  /** Where `hf:` ids are looked up; default `https://huggingface.co`. For mirrors, without a slash at the end. */
  readonly hub?: string;
  /**
   * The model file's hash, `sha256-…` (or 384, 512) in base64 as for `<script integrity>`, or several separated by spaces.
   * Any other file is an IntegrityError. No byte is used before all have been received.
   * `openssl dgst -sha256 -binary FILE | base64` gives the hash.
   */
  readonly integrity?: string;
  /**
   * Keep the model of a URL in the browser's Cache API, and use it while the server has the same file, or offline. With
   * `integrity` the server is not asked. `DenseNet.clearCache()` deletes all. Default false.
   */
  readonly cache?: boolean;
  /**
   * Measure which kernel variants suit this adapter, and remember: the next load with the same adapter and version
   * measures nothing. Costs the time that `budget` says; the choice without it follows from limits and shapes.
   */
  readonly tune?: boolean | TuneOptions;
  /** `net.tuning.choices` of such a load; what does not fit this adapter's variants is ignored. */
  readonly tuned?: Readonly<Record<string, string>>;
  readonly onProgress?: (progress: LoadProgress) => void;
  /**
   * Called for what went wrong and was repaired: DeviceLostError when the device was lost, and the next call opens another;
   * PrecisionOverflowError when `auto` went from f16 to f32; CacheError when a model could not be cached. Default `console.warn`. What it throws is only logged.
   */
  readonly onWarning?: (warning: DeviceLostError | PrecisionOverflowError | CacheError) => void;
  /** The longest that one wait for the GPU or for an image to be decoded may take, in milliseconds. Default 180,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls of one network run in the order in which they are made: up to 4 are on the GPU, up to 1,024 wait for their turn,
 * and one more rejects with QueueFullError. Inputs are read at the moment of the call.
 */
export interface CallOptions {
  /** Ends the call at once with AbortedError. */
  readonly signal?: AbortSignal;
}

export interface ClassifyOptions extends CallOptions {
  /** How many classes to return, best first. Default 5. */
  readonly topK?: number;
}

export interface IntermediatesOptions extends CallOptions {
  /**
   * What to read back, of `stem`, `block1` …, `final`, `pooled`, `logits` and `scores` (probabilities, [N, classes]).
   * Default all but `scores`. `pooled`, `logits` and `scores` alone cost what `classify` does; a map also keeps its memory.
   */
  readonly only?: readonly string[];
}

export interface TeachOptions {
  /** The name of the class of examples that belong to none of the classes. Default "none of these". */
  readonly none?: string;
}

export interface TrainOptions extends CallOptions {
  /** Called with the share that is done, up to 1. */
  readonly onProgress?: (done: number) => void;
}

export interface SaveOptions {
  /** Only the last layer, a few kilobytes, for `load(model, { head })`. Default false: the whole model. */
  readonly headOnly?: boolean;
}

/** An example that was added to a teacher. */
export interface Example {
  /** Name of its class; null for an example of none of the classes. */
  readonly label: string | null;
  /** Pooled features of the image, as `embed()` gives them. */
  readonly features: Float32Array;
}

/** A trained network, and what to expect of it. */
export interface TaughtNetwork<Net> {
  readonly net: Net;
  /**
   * Share of the examples that a head trained without them gets right, by cross-validation; null where a class has a single
   * example. The penalty is chosen on the same examples, so it is a little high.
   */
  readonly accuracy: number | null;
}

export interface Prediction {
  readonly index: number;
  /** The model file's name for the class, or its index in words. */
  readonly label: string;
  /** Softmax over the classes, the class's own sigmoid for multi-label models, or its logit where `activation` is `none`. */
  readonly probability: number;
  /** Whether `probability` reaches the class's threshold, where the model file has one. */
  readonly present?: boolean;
}

export interface OutputOptions extends CallOptions {
  /**
   * Leaves the result on the GPU, for a network that was loaded with your `device` and with precision `f32` or `f16`.
   * The call resolves as soon as the GPU has accepted the work: what you submit to the same queue then reads the finished
   * result. Its values are not checked: an overflow is NaN. Default: an array.
   */
  readonly output?: 'gpu-buffer';
}

/**
 * A result on the GPU: f32, row-major, 4 · N · channels bytes, without gaps. Usage `STORAGE`, `COPY_SRC` and `COPY_DST`.
 * The buffer is yours: `destroy()` it. It outlives `dispose()`, and its bytes are not part of `net.memory`.
 */
export interface GpuTensor {
  readonly data: GPUBuffer;
  readonly shape: readonly [batch: number, channels: number];
}

/**
 * NCHW, row-major; or the same on the GPU. A buffer is of the network's device, with usage `COPY_SRC`, and at least as
 * long as the shape says. It is copied on the GPU at the moment of the call, and stays yours.
 */
export interface TensorInput {
  readonly data: Float32Array | GPUBuffer;
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
}

export interface RunResult {
  /** [N, classes], row-major. */
  readonly logits: Float32Array;
  readonly shape: readonly [batch: number, classes: number];
}

/** A read-back feature map, NCHW (or [N, C] for vectors). */
export interface TapResult {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Bytes on the GPU. */
export interface DenseNetMemory {
  /** Networks that share weights count them each. */
  readonly weightBytes: number;
  readonly arenaBytes: number;
  readonly otherBytes: number;
  readonly totalBytes: number;
}

export interface ExplainOptions extends CallOptions {
  /** Index of the class to explain, counted from 0; default the best one. */
  readonly classIndex?: number;
}

/** One step of `profile()`. What needs a clock on the GPU is null where the device has no `timestamp-query`. */
export interface StepProfile {
  readonly name: string;
  readonly kernel: string;
  /** GPU time, the median of several passes, in steps of the profile's `resolution`. */
  readonly microseconds: number | null;
  /** Multiply-accumulates of the formula. */
  readonly macs: number;
  /** What the step binds, every byte once: no cache, nothing read twice. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** 10⁹ operations per second, two for each multiply-accumulate. */
  readonly gflops: number | null;
  /** The least time that the adapter's ceiling allows over the measured time: 1 is as fast as can be. */
  readonly ofCeiling: number | null;
}

export interface NetworkProfile {
  readonly steps: readonly StepProfile[];
  /** One whole inference by the wall clock, upload and readback included; the median of several. */
  readonly milliseconds: number;
  /** Microseconds that all GPU times are multiples of, measured: 65.536 in Dawn, which Chrome is built on. */
  readonly resolution: number | null;
  /** What two probes measured of the adapter: f32 `fma` from registers, and a copy of 48 MiB (reads and writes). */
  readonly ceiling: { readonly gflops: number; readonly gigabytesPerSecond: number } | null;
}
