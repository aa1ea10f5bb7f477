/** `DenseNet`: a trained network on the GPU, from a model file to predictions, embeddings and explanations. */

import { apart } from './apart.js';
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
import type { ModelSource } from './download.js';
import type { Engine } from './engine.js';
import { ImageError, OptionError } from './errors.js';
import type { AdapterReport } from './gpu/device.js';
import type { Executable } from './gpu/executable.js';
import type { Session } from './gpu/session.js';
import type { Heatmap } from './heatmap.js';
import type { ImageSource } from './image/source.js';
import { feedTensor, inputError, isInput } from './inputs.js';
import type { JobPass } from './job.js';
import { loadParts } from './load.js';
import type { DenseNetConfig } from './model/config.js';
import type { Size } from './model/layers.js';
import type { ModelMetadata } from './model/model.js';
import type { Pictures } from './pictures.js';
import type { NetworkPlan } from './plan/network.js';
import type { Precision } from './plan/source.js';
import type { Stage } from './plan/step.js';
import { finite, logitsOf, predictionsOf } from './results.js';
import { layoutWeights } from './weights/pack.js';

const pass = (...stages: Stage[]): JobPass => ({ stages: new Set(stages) });
const DEFAULT_TOP = 5;

/** Everything that `load()` puts together. */
export interface DenseNetParts {
  readonly engine: Engine;
  /** Null where the model file says nothing of preprocessing. */
  readonly pictures: Pictures | null;
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
  readonly inputSize: Size;
  readonly plan: NetworkPlan;
  readonly tuning: Tuning | null;
}

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
    const predictions = await this.engine.run({
      ...this.pictureJob('classify', list, options),
      passes: [pass('network', 'scores')],
      outputs: ({ plan }) => (count <= plan.top ? ['best'] : ['best', 'scores']),
      answer: ({ plan }, [best = EMPTY, scores = EMPTY]) => predictionsOf(plan, best, scores, count, this.metadata),
    });
    return Array.isArray(images) ? predictions : (predictions[0] ?? []);
  }

  /**
   * Pooled features, [N, channels]: the classifier's input, after the final BN, ReLU and global average pool (1024 for
   * DenseNet-121). timm's `forward_features` and torchvision's `features` stop before that pool.
   */
  async embed(images: ImageSource | readonly ImageSource[], options: CallOptions = {}): Promise<TapResult> {
    const list = listOf(images);
    return this.engine.run({
      ...this.pictureJob('embed', list, options),
      passes: [pass('network')],
      outputs: () => ['pooled'],
      answer: async ({ plan }, [pooled = EMPTY]) => finite(plan, (await readouts('embed()')).pooledOf(plan, pooled)),
    });
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
    return this.engine.run({
      ...this.pictureJob('explain', [image], options),
      passes: [pass('network', 'scores'), { ...pass('explain'), before: chooseClass(classIndex) }],
      outputs: () => ['best', 'heat'],
      answer: async ({ plan }, [best = EMPTY, heat = EMPTY]) => {
        const { Heatmap } = await readouts('explain()');
        const [first] = predictionsOf(plan, best, EMPTY, 1, this.metadata)[0] ?? [];
        const index = classIndex ?? first?.index ?? 0;
        const [height, width] = plan.finalSize;
        const values = new Float32Array(heat.buffer, heat.byteOffset, width * height);
        return new Heatmap(index, this.labels?.[index] ?? `class ${index}`, width, height, values);
      },
    });
  }

  /**
   * Logits of a batch of preprocessed inputs.
   *
   * @throws TensorShapeError when the shape does not fit the model or the data; PrecisionOverflowError when a logit is
   * not finite; LimitError when the adapter cannot hold the batch
   */
  async run(input: TensorInput, options: CallOptions = {}): Promise<RunResult> {
    if (!isInput(input, this.config)) throw await inputError(input, this.config);
    return this.engine.run({
      ...this.tensorJob('run', input, options),
      passes: [pass('input', 'network')],
      outputs: () => ['logits'],
      answer: ({ plan }, [bytes = EMPTY]): RunResult => {
        const { data } = logitsOf(plan, bytes);
        return { logits: data, shape: [plan.options.batch, plan.config.classes] };
      },
    });
  }

  /**
   * Every stage's output for a batch, for comparison with another framework: `stem` (after its pool), `block1`…,
   * `final` (after the last BN and ReLU), `pooled` and `logits`.
   */
  async taps(input: TensorInput, options: CallOptions = {}): Promise<Map<string, TapResult>> {
    if (!isInput(input, this.config)) throw await inputError(input, this.config);
    return this.engine.run({
      ...this.tensorJob('taps', input, options),
      taps: true,
      passes: [pass('input', 'network', 'taps')],
      outputs: ({ plan }) => ['pooled', 'logits', ...plan.taps.map((tap) => tap.region)],
      answer: async ({ plan }, [pooled = EMPTY, logits = EMPTY, ...maps]) => {
        const { tapOf, pooledOf } = await readouts('taps()');
        return new Map([
          ...plan.taps.map((tap, t): [string, TapResult] => [tap.name, tapOf(plan, tap, maps[t] ?? EMPTY)]),
          ['pooled', finite(plan, pooledOf(plan, pooled))],
          ['logits', logitsOf(plan, logits)],
        ]);
      },
    });
  }

  /**
   * Time, work and traffic of every step for a picture, beside what the adapter can do.
   *
   * @throws DownloadError when the profiler's own file is not beside the library; ImageError
   */
  async profile(image: ImageSource): Promise<NetworkProfile> {
    const { timeCalls, profileExecutable } = await apart(
      'densenet-webgpu-profile.js',
      'profile()',
      import('./profile/index.js'),
    );
    const wall = await timeCalls(() => this.classify(image));
    const call = { what: 'profile', batch: 1, inputSize: this.inputSize };
    return this.engine.prepare(call, async ({ device, precision }, executable) =>
      profileExecutable(device, await executable, layoutWeights(this.config, precision.weights), wall),
    );
  }

  /** Releases the GPU, at any time. Pending calls reject with DisposedError. */
  dispose(): void {
    this.engine.dispose();
  }

  private pictureJob(what: string, images: readonly ImageSource[], options: CallOptions) {
    const { pictures } = this;
    if (!pictures) throw new ImageError(NO_PREPROCESSING);
    const feed = (session: Session, executable: Executable) => pictures.feed(session, executable, images);
    return { what, batch: images.length, inputSize: this.inputSize, feed, signal: options.signal };
  }

  private tensorJob(what: string, input: TensorInput, options: CallOptions) {
    const [batch, , height, width] = input.shape;
    const inputSize: Size = [height, width];
    const feed = async (session: Session, executable: Executable) => feedTensor(session, executable, input.data);
    return { what, batch, inputSize, feed, signal: options.signal };
  }
}

const EMPTY = new Uint8Array();
const NO_PREPROCESSING =
  'the model file says nothing of preprocessing: import it with --preprocess, pass `preprocess` to load(), or call run() with a tensor';

const readouts = (what: string) => apart('densenet-webgpu-readouts.js', what, import('./readouts.js'));

/** The classes to explain: the caller's, or the best, which the scores step has just found. */
function chooseClass(classIndex: number | undefined) {
  return (encoder: GPUCommandEncoder, session: Session, executable: Executable): void => {
    if (classIndex !== undefined) {
      session.device.queue.writeBuffer(executable.classes, 0, new Uint32Array([classIndex]));
      return;
    }
    const best = session.locate(executable, 'best');
    encoder.copyBufferToBuffer(best.buffer, best.offset, executable.classes, 0, 4);
  };
}

function checkTop(topK: number, classes: number): number {
  if (Number.isInteger(topK) && topK > 0) return Math.min(topK, classes);
  throw new OptionError('topK', `topK is ${topK}: ask for a whole number of classes, 1 or more`);
}

const isList = (images: ImageSource | readonly ImageSource[]): images is readonly ImageSource[] =>
  Array.isArray(images);
const listOf = (images: ImageSource | readonly ImageSource[]): readonly ImageSource[] =>
  isList(images) ? images : [images];
