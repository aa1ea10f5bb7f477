/** `DenseNet`: a trained network on the GPU, from a model file to predictions. */
import type {
  CallOptions,
  DenseNetMemory,
  LoadOptions,
  LoadProgress,
  RunResult,
  TapResult,
  TensorInput,
} from './api.js';
import { type ModelSource, readSource } from './download.js';
import { Engine, type Recorder } from './engine.js';
import { AbortedError, OptionError, PrecisionOverflowError, TensorShapeError } from './errors.js';
import type { AdapterReport } from './gpu/device.js';
import { requestAdapter } from './gpu/device.js';
import type { Executable } from './gpu/executable.js';
import type { Session } from './gpu/session.js';
import type { DenseNetConfig } from './model/config.js';
import type { Size } from './model/layers.js';
import type { ModelMetadata } from './model/model.js';
import { finalChannels } from './model/tensors.js';
import type { Stage } from './plan/step.js';
import type { Precision } from './plan/source.js';
import { rows, toFloats, unpackTap } from './unpack.js';
import { readModel } from './weights/model-file.js';
import { layoutWeights, packWeights } from './weights/pack.js';

const NETWORK: ReadonlySet<Stage> = new Set(['network']);
const TENSOR: ReadonlySet<Stage> = new Set(['input', 'network']);
const TENSOR_TAPS: ReadonlySet<Stage> = new Set(['input', 'network', 'taps']);
const NOTHING: Recorder = () => undefined;
const DEFAULT_TOP = 5;

export class DenseNet {
  private constructor(
    private readonly engine: Engine,
    readonly config: DenseNetConfig,
    readonly metadata: ModelMetadata,
    /** How feature maps and weights are stored on the GPU. */
    readonly precision: Precision,
    /** [height, width] that pictures are brought to. */
    readonly inputSize: Size,
  ) {}

  /**
   * Loads a safetensors model, uploads it and compiles every kernel it needs.
   *
   * @throws DownloadError, ModelFormatError, ModelShapeError, WebGPUUnavailableError, LimitError, OutOfMemoryError,
   * ShaderError, AbortedError, OptionError; nothing stays allocated then
   * @example const net = await DenseNet.load('densenet121.safetensors', { onProgress: ({ phase }) => show(phase) });
   */
  static async load(source: ModelSource, options: LoadOptions = {}): Promise<DenseNet> {
    const progress = (phase: LoadProgress['phase'], loaded: number, total: number) =>
      options.onProgress?.({ phase, loaded, total });
    const check = () => {
      if (options.signal?.aborted) throw new AbortedError('load()', { cause: options.signal.reason });
    };
    check();
    const gpu = options.gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu);
    const precision = await choosePrecision(options, gpu);
    const bytes = await readSource(source, (loaded, total) => progress('download', loaded, total), options.signal);
    check();
    progress('read', 0, 1);
    const { folded, metadata } = readModel(bytes);
    const packed = packWeights(folded, precision.weights);
    progress('upload', 0, packed.byteLength);
    const engine = await Engine.create({
      config: folded.config,
      precision,
      packed,
      weightLayout: layoutWeights(folded.config, precision.weights),
      gpu,
      device: options.device,
      sigmoid: metadata.activation === 'sigmoid',
    });
    try {
      check();
      const inputSize = options.inputSize ?? defaultInputSize(folded.config, metadata);
      progress('compile', 0, 1);
      await engine.prepare(options.batch ?? 1, inputSize, DEFAULT_TOP);
      progress('compile', 1, 1);
      check();
      return new DenseNet(engine, folded.config, metadata, precision, inputSize);
    } catch (error) {
      engine.dispose();
      throw error;
    }
  }

  /** Class names by index, or null when the model file has none. */
  get labels(): readonly string[] | null {
    return this.metadata.labels ?? null;
  }

  get adapter(): AdapterReport {
    return this.engine.adapter;
  }

  get memory(): DenseNetMemory {
    const memory = this.engine.session.memory;
    return { ...memory, totalBytes: memory.weightBytes + memory.arenaBytes + memory.otherBytes };
  }

  /**
   * Logits of a batch of preprocessed inputs.
   *
   * @throws TensorShapeError when the shape does not fit the model or the data; PrecisionOverflowError when a logit is
   * not finite; LimitError when the adapter cannot hold the batch
   */
  async run(input: TensorInput, options: CallOptions = {}): Promise<RunResult> {
    const { results, executable } = await this.infer('run', input, TENSOR, ['logits'], options);
    const [batch] = input.shape;
    return { logits: this.logits(results[0], batch, executable), shape: [batch, this.config.classes] };
  }

  /**
   * Every stage's output for a batch, for comparison with another framework: `stem` (after its pool), `block1`…,
   * `final` (after the last BN and ReLU), `pooled` and `logits`.
   */
  async taps(input: TensorInput, options: CallOptions = {}): Promise<Map<string, TapResult>> {
    this.checkTensor(input);
    const [batch] = input.shape;
    const names = (executable: Executable) => [...executable.plan.taps.map((tap) => tap.region), 'pooled', 'logits'];
    const { results, executable } = await this.engine.run({
      ...this.job('taps', input, TENSOR_TAPS, options),
      taps: true,
      outputs: names,
    });
    const taps = new Map<string, TapResult>();
    for (const [t, tap] of executable.plan.taps.entries()) {
      taps.set(tap.name, unpackTap(tap, batch, results[t] ?? new Uint8Array(), this.precision.activations));
    }
    const [pooled, logits] = results.slice(-2);
    taps.set('pooled', this.pooled(pooled, batch, executable));
    taps.set('logits', { shape: [batch, this.config.classes], data: this.logits(logits, batch, executable) });
    return taps;
  }

  /** Releases the GPU. Pending calls reject with DisposedError. */
  dispose(): void {
    this.engine.dispose();
  }

  private infer(what: string, input: TensorInput, stages: ReadonlySet<Stage>, outputs: readonly string[], options: CallOptions) {
    this.checkTensor(input);
    return this.engine.run({ ...this.job(what, input, stages, options), outputs: () => outputs });
  }

  private job(what: string, input: TensorInput, stages: ReadonlySet<Stage>, options: CallOptions) {
    const [batch, , height, width] = input.shape;
    const inputSize: Size = [height, width];
    const feed = async (session: Session, executable: Executable) => feedTensor(session, executable, input.data);
    return { what, batch, inputSize, stages, top: DEFAULT_TOP, feed, signal: options.signal };
  }

  private checkTensor({ data, shape }: TensorInput): void {
    const expected = `[N, ${this.config.inChannels}, H, W]`;
    const whole = shape.length === 4 && shape.every((side) => Number.isSafeInteger(side) && side > 0);
    if (!whole || shape[1] !== this.config.inChannels) {
      throw new TensorShapeError(`the network takes ${expected}, not [${shape.join(', ')}]`, expected, `[${shape.join(', ')}]`);
    }
    const count = shape.reduce((product, side) => product * side, 1);
    const found = data instanceof Float32Array ? data.length : data.size / 4;
    if (found < count || (data instanceof Float32Array && found !== count)) {
      const message = `a tensor of shape [${shape.join(', ')}] has ${count} values, but the data has ${found}`;
      throw new TensorShapeError(message, String(count), String(found));
    }
    if (data instanceof Float32Array) {
      const bad = data.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) throw new TensorShapeError(`the tensor holds ${data[bad]} at index ${bad}: inputs must be finite`, 'finite', String(data[bad]));
    }
  }

  private pooled(bytes: Uint8Array | undefined, batch: number, executable: Executable): TapResult {
    const last = executable.plan.taps.find((tap) => tap.name === `block${this.config.blocks.length}`);
    const channels = finalChannels(this.config);
    const stride = (last?.layout.quads ?? 0) * 4;
    const values = rows(toFloats(bytes ?? new Uint8Array(), 'f32'), batch, stride, stride);
    if (!last || stride === channels) return { shape: [batch, channels], data: values };
    const tap = { ...last, size: [1, 1] as const, plane: 1 };
    return { ...unpackVectors(tap, batch, values), shape: [batch, channels] };
  }

  private logits(bytes: Uint8Array | undefined, batch: number, executable: Executable): Float32Array {
    const stride = executable.plan.classQuads * 4;
    const logits = rows(toFloats(bytes ?? new Uint8Array(), 'f32'), batch, stride, this.config.classes);
    if (logits.every(Number.isFinite)) return logits;
    throw new PrecisionOverflowError(
      this.precision.activations === 'f16'
        ? "a value left the range of f16: load the model with precision: 'f32'"
        : 'a logit is not finite: the weights or the input are beyond the range of f32',
    );
  }
}

function unpackVectors(tap: Parameters<typeof unpackTap>[0], batch: number, values: Float32Array): TapResult {
  const { channels, quads } = tap.layout;
  const data = new Float32Array(batch * channels);
  let channel = 0;
  for (const part of tap.layout.parts) {
    for (let i = 0; i < part.channels; i++, channel++) {
      for (let n = 0; n < batch; n++) data[n * channels + channel] = values[n * quads * 4 + part.quad * 4 + i] ?? 0;
    }
  }
  return { shape: [batch, channels], data };
}

function feedTensor(session: Session, executable: Executable, data: Float32Array | GPUBuffer): Recorder {
  if (data instanceof Float32Array) {
    session.device.queue.writeBuffer(executable.tensor, 0, data.buffer, data.byteOffset, data.byteLength);
    return NOTHING;
  }
  const { batch, inputSize } = executable.plan.options;
  const bytes = batch * executable.plan.config.inChannels * inputSize[0] * inputSize[1] * 4;
  return (encoder) => encoder.copyBufferToBuffer(data, 0, executable.tensor, 0, bytes);
}

async function choosePrecision(options: LoadOptions, gpu: GPU | undefined): Promise<Precision> {
  const weights = options.weights ?? 'f32';
  const wanted = options.precision ?? 'f32';
  if (wanted === 'f32') return { activations: 'f32', weights };
  const features = options.device?.features ?? (await requestAdapter(gpu)).features;
  if (features.has('shader-f16')) return { activations: 'f16', weights: options.weights ?? 'f16' };
  if (wanted === 'auto') return { activations: 'f32', weights };
  throw new OptionError('precision', "this adapter has no shader-f16: use precision 'auto' or 'f32'");
}

function defaultInputSize(config: DenseNetConfig, metadata: ModelMetadata): Size {
  const { crop, resize } = metadata.preprocess ?? {};
  if (crop) return crop;
  if (resize?.kind === 'exact') return resize.size;
  return config.stem === 'imagenet' ? [224, 224] : [32, 32];
}

export { NETWORK };
