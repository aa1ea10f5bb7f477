/** `load()`: adapter → header → network → GPU memory → weights and kernels. */

import type { LoadOptions, LoadProgress, Tuning } from '../api.js';
import { AbortedError, CacheError, IntegrityError, ModelFormatError } from '../core/errors.js';
import { withAbort, withTimeout } from '../core/timeout.js';
import { requestAdapter } from '../gpu/device.js';
import type { Executable } from '../gpu/executable.js';
import { DeviceOpener } from '../gpu/opening.js';
import type { Precision } from '../kernels/machines.js';
import { type DenseNetConfig, stemOf } from '../model/config.js';
import type { Size } from '../model/layers.js';
import { decodeMetadata, scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan } from '../plan/network.js';
import { inputSizeOf } from '../preprocess/spec.js';
import {
  checkHead,
  checkIsModel,
  type HeadFile,
  readHead,
  replaceHead,
  withHeadMetadata,
} from '../weights/head-file.js';
import { checkCounts, interpretTensors } from '../weights/interpret.js';
import { layoutWeights, type WeightRange } from '../weights/pack.js';
import { type ModelSource, type OnBytes, readSource } from './download.js';
import { Engine } from './engine.js';
import { isHubId, openHub } from './hub.js';
import { ImageInput } from './image-input.js';
import { readVerified } from './integrity.js';
import type { Call, Job, Recorder } from './job.js';
import { keepModel, readCachedModel } from './model-cache.js';
import { ModelStream } from './model-stream.js';
import { callSafely, checkOptions } from './options.js';
import { packStreamed } from './stream-weights.js';
import { openTuner } from './tune/tuner.js';

const DEFAULT_TIMEOUT_MS = 180_000;

/** Everything that `load()` puts together. */
export interface DenseNetParts {
  readonly engine: Engine;
  /** Null where the model file says nothing of preprocessing. */
  readonly images: ImageInput | null;
  readonly config: DenseNetConfig;
  readonly metadata: ModelMetadata;
  readonly inputSize: Size;
  readonly plan: NetworkPlan;
  readonly tuning: Tuning | null;
}

/** What the stages of one `load()` share. */
interface Loading {
  readonly options: LoadOptions;
  readonly gpu: GPU | undefined;
  readonly timeout: number;
  readonly precision: Precision;
  /** @throws AbortedError once the signal has fired */
  readonly check: () => void;
  /** Reports progress, and checks. */
  readonly at: (phase: LoadProgress['phase'], loaded: number, total: number) => void;
}

/** @throws as `DenseNet.load`; nothing stays allocated then */
export async function loadParts(source: ModelSource, options: LoadOptions): Promise<DenseNetParts> {
  checkOptions('load', options);
  const { signal, onProgress, timeout = DEFAULT_TIMEOUT_MS } = options;
  const check = () => {
    if (signal?.aborted) throw new AbortedError('load()', { cause: signal.reason });
  };
  check();
  const report = (phase: LoadProgress['phase'], loaded: number, total: number, more?: { readonly fromCache: true }) =>
    callSafely('onProgress', onProgress, { phase, loaded, total, ...more });
  const gpu = options.gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu);
  // Before the first byte of the model: a visitor without WebGPU is not to download it.
  const { features } = options.device ?? (await withTimeout(timeout, 'the GPU', requestAdapter(gpu)));
  const precision = choosePrecision(options, features);
  const onBytes = (loaded: number, total: number) => report('download', loaded, total);
  const head = options.head === undefined ? null : readHead(await readSource(options.head, () => {}, signal));
  const hub = isHubId(source) ? await openHub(source, options) : null;
  const from = hub?.url ?? source;
  const url = options.cache && (typeof from === 'string' || from instanceof URL) ? String(from) : null;
  const cached = url === null ? null : await openCached(url, options);
  if (cached) report('download', cached.size, cached.size, { fromCache: true });
  const stream = cached?.stream ?? (await openStream(from, options, onBytes));
  const at: Loading['at'] = (phase, loaded, total) => {
    report(phase, loaded, total);
    check();
  };
  try {
    check();
    const parts = await assemble(stream, hub?.metadata, head, { options, gpu, timeout, precision, check, at });
    if (url !== null && !cached) await keep(url, stream, options);
    return parts;
  } catch (error) {
    stream.cancel();
    throw error;
  }
}

async function openStream(from: ModelSource, options: LoadOptions, onBytes: OnBytes): Promise<ModelStream> {
  const { integrity, signal } = options;
  return ModelStream.open(integrity ? await readVerified(from, integrity, onBytes, signal) : from, onBytes, signal);
}

/** The model that was kept for a URL; null when there is none, or it is not the one that is asked for. */
async function openCached(url: string, options: LoadOptions) {
  const bytes = await readCachedModel(url, options.integrity !== undefined, options.signal);
  if (!bytes) return null;
  try {
    return { stream: await openStream(bytes, options, () => {}), size: bytes.length };
  } catch (error) {
    // Another file than the hash is of, or a damaged one: it is downloaded again.
    if (error instanceof IntegrityError || error instanceof ModelFormatError) return null;
    throw error;
  }
}

async function keep(url: string, stream: ModelStream, { onWarning = logWarning }: LoadOptions): Promise<void> {
  try {
    await keepModel(url, stream.toBlob(), stream.validators);
  } catch (error) {
    if (error instanceof CacheError) callSafely('onWarning', onWarning, error);
    else throw error;
  }
}

const logWarning = ({ message }: Error): void => console.warn(message);

/** @param known what the file need not say itself; @param head used instead of the file's */
async function assemble(
  stream: ModelStream,
  known: ModelMetadata | undefined,
  head: HeadFile | null,
  loading: Loading,
): Promise<DenseNetParts> {
  const { options, gpu, timeout, precision } = loading;
  const { signal, device, batch = 1 } = options;
  checkIsModel(stream.header.metadata);
  const said = { ...known, ...decodeMetadata(stream.header.metadata) };
  const network = interpretTensors(stream.tensors, said);
  const { canonical, config } = head ? replaceHead(network, head) : network;
  const metadata = head ? withHeadMetadata(said, head.metadata) : said;
  checkCounts(metadata, config);
  const weightLayout = layoutWeights(config, precision.weights);
  const packed = new ArrayBuffer(weightLayout.bytes);
  const { activation } = scoringOf(metadata, config.classes);
  const spec = options.preprocess ?? metadata.preprocess ?? null;
  const inputSize = options.inputSize ?? (spec && inputSizeOf(spec)) ?? defaultInputSize(config);
  const images =
    spec &&
    new ImageInput(spec, {
      channels: config.inChannels,
      size: inputSize,
      border: stemOf(config).padding,
    });
  const warn = options.onWarning ?? logWarning;
  const opening = Engine.create({
    ...{ config, precision, packed, weightLayout, gpu, device, activation, batch, inputSize, timeout },
    ...{ ownHead: null, opener: new DeviceOpener(packed) },
    tuned: new Map(Object.entries(options.tuned ?? {})),
    isAuto: options.precision === 'auto',
    onWarning: (warning) => callSafely('onWarning', warn, warning),
  });
  const engine = await withAbort(signal, 'load()', opening, (late) => late.dispose());
  const weights = () => packStreamed(stream, canonical, config, weightLayout, packed);
  const { plan, tuning } = await fillAndCompile(engine, images, { stream, weights }, { inputSize, batch }, loading);
  if (head) disposeUnless(() => checkHead(head, { packed, layout: weightLayout }), engine);
  return { engine, images, config, metadata, inputSize, plan, tuning };
}

function disposeUnless(check: () => void, engine: Engine): void {
  try {
    check();
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

/** What `fillAndCompile` reads of the model. */
interface StreamedWeights {
  readonly stream: ModelStream;
  readonly weights: () => AsyncGenerator<WeightRange, void>;
}

/**
 * Two things at once until both are done: the weights, packed and uploaded as they arrive; and the kernels, compiled and
 * run once. Then tunes, where that is asked for. Disposes of the engine when something fails.
 */
async function fillAndCompile(
  engine: Engine,
  images: ImageInput | null,
  { stream, weights }: StreamedWeights,
  shape: Pick<Call & Job<unknown>, 'inputSize' | 'batch'>,
  { options, check, at }: Loading,
): Promise<{ readonly plan: NetworkPlan; readonly tuning: Tuning | null }> {
  const { signal } = options;
  const call = { what: 'load', signal, ...shape };
  let isOver = false;
  const fill = async () => {
    let isRead = false;
    let uploaded = 0;
    for await (const range of weights()) {
      if (isOver) return;
      check();
      engine.session.upload(range);
      uploaded += range.bytes;
      if (stream.isWhole && !isRead) at('read', 0, uploaded);
      isRead = stream.isWhole;
    }
    at('upload', uploaded, uploaded);
    at('compile', 0, 1);
  };
  try {
    const first = engine.session;
    const tune = options.tune === true ? {} : options.tune;
    const tuner = tune ? await openTuner(engine, tune, signal) : null;
    const compile = engine.prepare(call, async (session, executable) => {
      const [made] = await Promise.all([executable, images?.prepare(session)]);
      await warmUp(session.device, made, (await images?.blank(session, made)) ?? {});
      return made.plan;
    });
    const [plan] = await Promise.all([compile, fill()]);
    // If the device was lost meanwhile, what had been uploaded went to the old one.
    if (engine.session !== first) engine.session.upload();
    await engine.run({ ...call, ...NOTHING });
    at('compile', 1, 1);
    if (!tuner) return { plan, tuning: null };
    const tuning = await withAbort(
      signal,
      'load()',
      tuner(plan, (done, total) => at('tune', done, total)),
    );
    return { plan: await engine.prepare(call, async (_, executable) => (await executable).plan), tuning };
  } catch (error) {
    isOver = true;
    engine.dispose();
    throw error;
  }
}

/**
 * A job that only reads back. Uploads are carried out with the next job, so that the first call would wait for all the
 * weights; and it would make the buffer that results come back in.
 */
const NOTHING = { passes: [], feed: async () => ({}), outputs: () => ['pooled'], answer: () => null };

/** Dispatches one workgroup of everything that a call dispatches, so that the first call finds the driver's work done. */
async function warmUp(device: GPUDevice, executable: Executable, image: Recorder): Promise<void> {
  try {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    image.dispatches?.(pass);
    executable.encodeFirsts(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
  } finally {
    image.release?.();
  }
  await device.queue.onSubmittedWorkDone();
}

/** The kernels need no `shader-f16`. An adapter that has it converts in hardware, so that f16 pays there. */
function choosePrecision({ precision = 'f32', weights }: LoadOptions, features: GPUSupportedFeatures): Precision {
  const isHalf = precision === 'f16' || (precision === 'auto' && features.has('shader-f16'));
  const activations = isHalf ? 'f16' : 'f32';
  return { activations, weights: weights ?? activations };
}

/** The size the family was trained at (paper, sections 4.1 and 4.2). */
function defaultInputSize(config: DenseNetConfig): Size {
  return config.stem === 'imagenet' ? [224, 224] : [32, 32];
}
