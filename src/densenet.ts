/** `DenseNet`: a trained network on the GPU, from a model file to predictions, embeddings and explanations. */

import type {
  CallOptions,
  ClassifyOptions,
  DenseNetMemory,
  ExplainOptions,
  GpuTensor,
  IntermediatesOptions,
  LoadOptions,
  NetworkProfile,
  OutputOptions,
  Prediction,
  RunResult,
  SaveOptions,
  TapResult,
  TeachOptions,
  TensorInput,
  Tuning,
} from './api.js';
import { ImageError, OptionError } from './core/errors.js';
import { type AdapterReport, checkSupport, type Support } from './gpu/device.js';
import type { ImageSource } from './gpu/image-source.js';
import type { Precision } from './kernels/machines.js';
import type { DenseNetConfig } from './model/config.js';
import type { Size } from './model/layers.js';
import type { ModelMetadata } from './model/model.js';
import type { NetworkPlan } from './plan/network.js';
import {
  classifyJob,
  embedJob,
  explainJob,
  intermediateNames,
  type JobInput,
  runJob,
  tapsJob,
} from './runtime/calls.js';
import type { ModelSource } from './runtime/download.js';
import type { Engine } from './runtime/engine.js';
import { checkGpuOutput, keepOnGpu } from './runtime/gpu-output.js';
import type { Heatmap } from './runtime/heatmap.js';
import { closeAll, type ImageInput } from './runtime/image-input.js';
import { type DenseNetParts, loadParts } from './runtime/load.js';
import { clearModelCache } from './runtime/model-cache.js';
import { checkOptions } from './runtime/options.js';
import { profileNetwork } from './runtime/profile/profile.js';
import { saveModel } from './runtime/save.js';
import { taughtParts } from './runtime/teach/taught-network.js';
import { Teacher } from './runtime/teach/teacher.js';
import { captureTensor, checkTensorInput, feedTensor } from './runtime/tensor-input.js';

const DEFAULT_TOP = 5;

/** Options of a call whose result stays on the GPU. */
type OnGpu = OutputOptions & { readonly output: 'gpu-buffer' };

export class DenseNet {
  readonly config: DenseNetConfig;
  /** What the model file says: labels, preprocessing, provenance. */
  readonly metadata: ModelMetadata;
  /** [height, width] of the network's input, to which images are resized. */
  readonly inputSize: Size;
  /** The plan that `load()` made: steps and arena, as plain data. */
  readonly plan: NetworkPlan;
  /** What `load({ tune })` found; null without it. */
  readonly tuning: Tuning | null;
  private readonly engine: Engine;
  private readonly images: ImageInput | null;

  private constructor(parts: DenseNetParts) {
    ({
      engine: this.engine,
      images: this.images,
      config: this.config,
      metadata: this.metadata,
      inputSize: this.inputSize,
      plan: this.plan,
      tuning: this.tuning,
    } = parts);
  }

  /**
   * Loads a safetensors model, uploads it, and compiles and runs every kernel it needs: the first call costs what the
   * second does.
   *
   * @throws DownloadError, ModelFormatError, ModelShapeError, WebGPUUnavailableError, LimitError, OutOfMemoryError,
   * ShaderError, TimeoutError, DeviceLostError, AbortedError, OptionError; nothing stays allocated then
   * @example const net = await DenseNet.load('densenet121.safetensors', { onProgress: ({ phase }) => show(phase) });
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<DenseNet> {
    return new DenseNet(await loadParts(source, options));
  }

  /**
   * Whether networks can run here, before anything is downloaded.
   *
   * @param options `gpu`: the WebGPU to ask, by default `navigator.gpu`
   * @example const support = await DenseNet.isSupported(); if (!support.supported) show(support.message);
   */
  static isSupported({ gpu }: Pick<LoadOptions, 'gpu'> = {}): Promise<Support> {
    return checkSupport(gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu));
  }

  /** Deletes the models that `load({ cache: true })` has kept. */
  static clearCache(): Promise<void> {
    return clearModelCache();
  }

  /** Class names by index, or null when the model file has none. */
  get labels(): readonly string[] | null {
    return this.metadata.labels ?? null;
  }

  /** How feature maps and weights are stored on the GPU. */
  get precision(): Precision {
    return this.engine.precision;
  }

  get adapter(): AdapterReport {
    return this.engine.adapter;
  }

  get memory(): DenseNetMemory {
    const memory = this.engine.session.memory;
    return { ...memory, totalBytes: memory.weightBytes + memory.arenaBytes + memory.otherBytes };
  }

  /**
   * The best classes of a picture, or of each of an array of pictures, which run as one batch.
   *
   * @throws ImageError when a picture cannot be used; OptionError, also for a network without a classifier;
   * PrecisionOverflowError; LimitError for a large batch
   */
  classify(image: ImageSource, options?: ClassifyOptions): Promise<Prediction[]>;
  classify(images: readonly ImageSource[], options?: ClassifyOptions): Promise<Prediction[][]>;
  async classify(
    images: ImageSource | readonly ImageSource[],
    options: ClassifyOptions = {},
  ): Promise<Prediction[] | Prediction[][]> {
    checkOptions('classify', options);
    this.requireClassifier('classify');
    const count = Math.min(options.topK ?? DEFAULT_TOP, this.config.classes);
    const list = listOf(images);
    if (list.length === 0) return [];
    const input = this.imageInput('classify', list, options);
    const predictions = await this.engine.run(classifyJob(input, count, this.metadata));
    return Array.isArray(images) ? predictions : (predictions[0] ?? []);
  }

  /**
   * Pooled features, [N, channels]: the classifier's input, after the final BN, ReLU and global average pool (1024 for
   * DenseNet-121). timm's `forward_features` and torchvision's `features` stop before that pool.
   *
   * @throws ImageError; OptionError when the result cannot stay on the GPU
   */
  embed(images: ImageSource | readonly ImageSource[], options: OnGpu): Promise<GpuTensor>;
  embed(images: ImageSource | readonly ImageSource[], options?: CallOptions): Promise<TapResult>;
  async embed(
    images: ImageSource | readonly ImageSource[],
    options: OutputOptions = {},
  ): Promise<TapResult | GpuTensor> {
    checkOptions('embed', options);
    if (options.output) checkGpuOutput(this.engine);
    const job = embedJob(this.imageInput('embed', listOf(images), options));
    return options.output ? keepOnGpu(this.engine, job, 'pooled') : this.engine.run(job);
  }

  /**
   * The exact class activation map of a picture, for one class or for the best.
   *
   * @throws OptionError when there is no such class; ImageError
   */
  async explain(image: ImageSource, options: ExplainOptions = {}): Promise<Heatmap> {
    checkOptions('explain', options);
    this.requireClassifier('explain');
    const { classIndex } = options;
    if (classIndex !== undefined && classIndex >= this.config.classes) {
      throw new OptionError(
        'classIndex',
        `there is no class ${classIndex}: the network has ${this.config.classes}, counted from 0`,
      );
    }
    if (this.config.pooling !== undefined)
      throw new OptionError('explain', 'this network pools maxima: explain() is for networks that pool averages');
    const input = this.imageInput('explain', [image], options);
    return this.engine.run(explainJob(input, this.metadata, classIndex));
  }

  /**
   * Logits of a batch of preprocessed inputs.
   *
   * @throws TensorShapeError when the shape does not fit the model or the data; PrecisionOverflowError when a logit is
   * not finite; LimitError when the adapter cannot hold the batch; RefusedError for a buffer that is destroyed or of another
   * device; OptionError when the result cannot stay on the GPU
   */
  run(input: TensorInput, options: OnGpu): Promise<GpuTensor>;
  run(input: TensorInput, options?: CallOptions): Promise<RunResult>;
  async run(input: TensorInput, options: OutputOptions = {}): Promise<RunResult | GpuTensor> {
    checkOptions('run', options);
    if (options.output) checkGpuOutput(this.engine);
    this.requireClassifier('run');
    const job = runJob(this.tensorInput('run', input, options));
    return options.output ? keepOnGpu(this.engine, job, 'logits') : this.engine.run(job);
  }

  /**
   * Every stage's output for a batch: `stem` (after its pool), `block1`…, `final` (after the last BN and ReLU), `pooled`
   * and, with a classifier, `logits`; or those of `only`. A tensor serves to compare with another framework, images to look inside. Channels
   * of a block: those that enter it, then `growthRate` of each layer in order.
   *
   * @throws TensorShapeError, ImageError, LimitError; OptionError for a name in `only` that there is not
   */
  async taps(
    input: TensorInput | ImageSource | readonly ImageSource[],
    options: IntermediatesOptions = {},
  ): Promise<Map<string, TapResult>> {
    checkOptions('taps', options);
    const { config } = this;
    const known = intermediateNames(config);
    const unknown = options.only?.find((name) => !known.includes(name));
    if (unknown !== undefined)
      throw new OptionError('only', `there is no intermediate "${unknown}": there are ${known.join(', ')}`);
    const job = isTensor(input)
      ? tapsJob(this.tensorInput('taps', input, options), ['input'], config, options.only)
      : tapsJob(this.imageInput('taps', listOf(input), options), [], config, options.only);
    return this.engine.run(job);
  }

  /** The same as {@link taps}, by its usual name. */
  intermediates(
    input: TensorInput | ImageSource | readonly ImageSource[],
    options: IntermediatesOptions = {},
  ): Promise<Map<string, TapResult>> {
    return this.taps(input, options);
  }

  /**
   * Time, work and traffic of every step for a picture, beside what the adapter can do.
   *
   * @throws ImageError
   */
  async profile(image: ImageSource): Promise<NetworkProfile> {
    return profileNetwork(this.engine, this.config, this.inputSize, () =>
      this.config.classes > 0 ? this.classify(image) : this.embed(image),
    );
  }

  /**
   * A teacher of classes of the caller's own. What it trains is another network, with a new last layer on the features of
   * this one (section 6 of the paper calls it feature transfer); it shares this one's weights and device, and either can be
   * disposed of while the other is in use.
   *
   * @param classes two or more names
   * @throws OptionError
   * @example
   * const teacher = net.teach(['cup', 'pen']);
   * await teacher.addExample('cup', cupImages);
   * await teacher.addExample('pen', penImages);
   * const { net: taught, accuracy } = await teacher.train();
   */
  teach(classes: readonly string[], options: TeachOptions = {}): Teacher<DenseNet> {
    checkOptions('teach', options);
    const { engine, images, config, metadata, inputSize, plan, tuning } = this;
    const parts = { engine, images, config, metadata, inputSize, plan, tuning };
    return new Teacher(
      {
        batchOf: (wanted) => engine.fittingBatch(inputSize, wanted),
        embed: (list, call) => engine.run(embedJob(this.imageInput('addExample', list, call))),
        withHead: async (...taught) => new DenseNet(await taughtParts(parts, ...taught)),
      },
      classes,
      options,
    );
  }

  /**
   * The network as a model file, which `load()` reads again: batch norms folded, weights as they are stored on the GPU, the
   * preprocessing that is in use. Load it with the same `inputSize` where that was given.
   *
   * @throws OptionError; DisposedError
   */
  async toSafetensors(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    checkOptions('toSafetensors', options);
    const { engine, images, config, metadata } = this;
    return saveModel({ engine, images, config, metadata }, options);
  }

  /** Releases the GPU, at any time. Pending calls reject with DisposedError. */
  dispose(): void {
    this.engine.dispose();
  }

  /** @throws OptionError for a network that ends with its features */
  private requireClassifier(what: string): void {
    if (this.config.classes > 0) return;
    throw new OptionError(
      what,
      `${what}() needs a classifier, and this model file has none: call embed() or taps() for its features, or import it with its head`,
    );
  }

  /** @throws ImageError when the model says nothing of preprocessing */
  private imageInput(what: string, images: readonly ImageSource[], { signal }: CallOptions): JobInput {
    const { engine, images: input, inputSize } = this;
    if (!input) {
      throw new ImageError(
        'the model file says nothing of preprocessing: import it with --preprocess, pass `preprocess` to load(), or call run() with a tensor',
      );
    }
    const captured = input.capture(engine.session, what, images);
    return {
      ...{ what, batch: images.length, inputSize, signal },
      feed: (session, executable) => input.feed(session, executable, captured),
      release: () => closeAll(captured),
    };
  }

  /** @throws TensorShapeError */
  private tensorInput(what: string, input: TensorInput, { signal }: CallOptions): JobInput {
    checkTensorInput(input, this.config);
    const { session } = this.engine;
    const [batch, , height, width] = input.shape;
    const captured = captureTensor(session, what, input);
    return {
      ...{ what, batch, signal, inputSize: [height, width] },
      feed: (current, executable) => feedTensor(current, executable, captured),
      release: () => {
        if (!(captured instanceof Float32Array))
          captured.then((copy) => session.resources.release([copy])).catch(() => {});
      },
    };
  }
}

const isTensor = (input: TensorInput | ImageSource | readonly ImageSource[]): input is TensorInput =>
  typeof input === 'object' && input !== null && 'shape' in input;
const isList = (images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] =>
  Array.isArray(images);
const listOf = (images: ImageSource | readonly ImageSource[]): readonly ImageSource[] =>
  // A hole of a sparse array is an image that is missing.
  isList(images) ? Array.from(images) : [images];
