/** `DenseNet`: a trained network on the GPU, from a model file to predictions, embeddings and explanations. */

import type {
  CallOptions,
  ClassifyOptions,
  DenseNetMemory,
  ExplainOptions,
  LoadOptions,
  NetworkProfile,
  Prediction,
  RunResult,
  TapResult,
  TensorInput,
  Tuning,
} from './api.js';
import { ImageError, OptionError } from './core/errors.js';
import type { AdapterReport } from './gpu/device.js';
import type { Executable } from './gpu/executable.js';
import type { ImageSource } from './gpu/image-source.js';
import type { Session } from './gpu/session.js';
import type { Precision } from './kernels/source.js';
import type { DenseNetConfig } from './model/config.js';
import type { Size } from './model/layers.js';
import type { ModelMetadata } from './model/model.js';
import type { NetworkPlan } from './plan/network.js';
import { classifyJob, embedJob, explainJob, type JobInput, runJob, tapsJob } from './runtime/calls.js';
import type { ModelSource } from './runtime/download.js';
import type { Engine } from './runtime/engine.js';
import type { Heatmap } from './runtime/heatmap.js';
import type { Pictures } from './runtime/image-input.js';
import { type DenseNetParts, loadParts } from './runtime/load.js';
import { profileNetwork } from './runtime/profile/profile.js';
import { checkTensorInput, feedTensor } from './runtime/tensor-input.js';

const DEFAULT_TOP = 5;

export class DenseNet {
  readonly config: DenseNetConfig;
  /** What the model file says of itself: labels, preprocessing, provenance. */
  readonly metadata: ModelMetadata;
  /** [height, width] that pictures are brought to. */
  readonly inputSize: Size;
  /** The plan that `load()` made: steps and arena, as plain data. */
  readonly plan: NetworkPlan;
  /** What `load({ tune })` found; null without it. */
  readonly tuning: Tuning | null;
  private readonly engine: Engine;
  private readonly pictures: Pictures | null;

  private constructor(parts: DenseNetParts) {
    ({
      engine: this.engine,
      pictures: this.pictures,
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
   * @throws ImageError when a picture cannot be used; OptionError; PrecisionOverflowError; LimitError for a large batch
   */
  classify(image: ImageSource, options?: ClassifyOptions): Promise<Prediction[]>;
  classify(images: readonly ImageSource[], options?: ClassifyOptions): Promise<Prediction[][]>;
  async classify(
    images: ImageSource | readonly ImageSource[],
    options: ClassifyOptions = {},
  ): Promise<Prediction[] | Prediction[][]> {
    const count = checkTop(options.topK ?? DEFAULT_TOP, this.config.classes);
    const list = listOf(images);
    if (list.length === 0) return [];
    const input = this.imageInput('classify', list, options);
    const predictions = await this.engine.run(classifyJob(input, count, this.metadata));
    return Array.isArray(images) ? predictions : (predictions[0] ?? []);
  }

  /**
   * Pooled features, [N, channels]: the classifier's input, after the final BN, ReLU and global average pool (1024 for
   * DenseNet-121). timm's `forward_features` and torchvision's `features` stop before that pool.
   */
  async embed(images: ImageSource | readonly ImageSource[], options: CallOptions = {}): Promise<TapResult> {
    return this.engine.run(embedJob(this.imageInput('embed', listOf(images), options)));
  }

  /**
   * The exact class activation map of a picture, for one class or for the best.
   *
   * @throws OptionError when there is no such class; ImageError
   */
  async explain(image: ImageSource, options: ExplainOptions = {}): Promise<Heatmap> {
    const { classIndex } = options;
    if (
      classIndex !== undefined &&
      !(Number.isInteger(classIndex) && classIndex >= 0 && classIndex < this.config.classes)
    ) {
      throw new OptionError(
        'classIndex',
        `there is no class ${classIndex}: the network has ${this.config.classes}, counted from 0`,
      );
    }
    const input = this.imageInput('explain', [image], options);
    return this.engine.run(explainJob(input, this.metadata, classIndex));
  }

  /**
   * Logits of a batch of preprocessed inputs.
   *
   * @throws TensorShapeError when the shape does not fit the model or the data; PrecisionOverflowError when a logit is
   * not finite; LimitError when the adapter cannot hold the batch
   */
  async run(input: TensorInput, options: CallOptions = {}): Promise<RunResult> {
    checkTensorInput(input, this.config);
    return this.engine.run(runJob(tensorInput('run', input, options)));
  }

  /**
   * Every stage's output for a batch, for comparison with another framework: `stem` (after its pool), `block1`…,
   * `final` (after the last BN and ReLU), `pooled` and `logits`.
   */
  async taps(input: TensorInput, options: CallOptions = {}): Promise<Map<string, TapResult>> {
    checkTensorInput(input, this.config);
    return this.engine.run(tapsJob(tensorInput('taps', input, options)));
  }

  /**
   * Time, work and traffic of every step for a picture, beside what the adapter can do.
   *
   * @throws ImageError
   */
  async profile(image: ImageSource): Promise<NetworkProfile> {
    return profileNetwork(this.engine, this.config, this.inputSize, () => this.classify(image));
  }

  /** Releases the GPU, at any time. Pending calls reject with DisposedError. */
  dispose(): void {
    this.engine.dispose();
  }

  private imageInput(what: string, images: readonly ImageSource[], options: CallOptions): JobInput {
    const feed = async (session: Session, executable: Executable) => {
      if (this.pictures) return this.pictures.feed(session, executable, images);
      throw new ImageError(
        'the model file says nothing of preprocessing: import it with --preprocess, pass `preprocess` to load(), or call run() with a tensor',
      );
    };
    return { what, batch: images.length, inputSize: this.inputSize, feed, signal: options.signal };
  }
}

function tensorInput(what: string, { data, shape }: TensorInput, { signal }: CallOptions): JobInput {
  const [batch, , height, width] = shape;
  const feed = async (session: Session, executable: Executable) => feedTensor(session, executable, data);
  return { what, batch, inputSize: [height, width], feed, signal };
}

function checkTop(topK: number, classes: number): number {
  if (Number.isInteger(topK) && topK > 0) return Math.min(topK, classes);
  throw new OptionError('topK', `topK is ${topK}: ask for a whole number of classes, 1 or more`);
}

const isList = (images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] =>
  Array.isArray(images);
const listOf = (images: ImageSource | readonly ImageSource[]): readonly ImageSource[] =>
  isList(images) ? images : [images];
