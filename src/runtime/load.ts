/**
 * `load()`: header → network → GPU memory, then two things at once until both are done: the weights, folded, packed and
 * uploaded as they arrive; and the kernels, compiled and run once.
 */

import type { LoadOptions, LoadProgress, Tuning } from '../api.js';
import { AbortedError } from '../core/errors.js';
import { withAbort, withTimeout } from '../core/timeout.js';
import { requestAdapter } from '../gpu/device.js';
import type { Executable } from '../gpu/executable.js';
import type { Precision } from '../kernels/source.js';
import type { DenseNetConfig } from '../model/config.js';
import type { Size } from '../model/layers.js';
import { decodeMetadata, scoringOf } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import type { NetworkPlan } from '../plan/network.js';
import { inputSizeOf } from '../preprocess/spec.js';
import { interpretTensors } from '../weights/interpret.js';
import { layoutWeights } from '../weights/pack.js';
import type { ModelSource } from './download.js';
import { Engine } from './engine.js';
import { isHubId, openHub } from './hub.js';
import { Pictures } from './image-input.js';
import { readVerified } from './integrity.js';
import type { Recorder } from './job.js';
import { Arrival } from './model-stream.js';
import { checkOptions } from './options.js';
import { packArriving } from './stream-weights.js';
import { openTuner } from './tune/tuner.js';

const DEFAULT_TIMEOUT_MS = 180_000;

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
  const { signal, onProgress, timeout = DEFAULT_TIMEOUT_MS } = options;
  const check = () => {
    if (signal?.aborted) throw new AbortedError('load()', { cause: signal.reason });
  };
  check();
  checkOptions(options);
  const gpu = options.gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu);
  const precision = await withTimeout(timeout, 'the GPU', choosePrecision(options, gpu));
  const onBytes = (loaded: number, total: number) => onProgress?.({ phase: 'download', loaded, total });
  const hub = isHubId(source) ? await openHub(source, options) : null;
  const from = hub?.url ?? source;
  const whole = options.integrity ? await readVerified(from, options.integrity, onBytes, signal) : from;
  const arrival = await Arrival.open(whole, onBytes, signal);
  const at: Loading['at'] = (phase, loaded, total) => {
    onProgress?.({ phase, loaded, total });
    check();
  };
  try {
    check();
    return await assemble(arrival, hub?.metadata, { options, gpu, timeout, precision, check, at });
  } catch (error) {
    arrival.cancel();
    throw error;
  }
}

/** @param known what the file need not say itself */
async function assemble(arrival: Arrival, known: ModelMetadata | undefined, loading: Loading): Promise<DenseNetParts> {
  const { options, gpu, timeout, precision, check, at } = loading;
  const { signal, device, batch = 1 } = options;
  const metadata = { ...known, ...decodeMetadata(arrival.header.metadata) };
  const { canonical, config } = interpretTensors(arrival.tensors, metadata);
  const weightLayout = layoutWeights(config, precision.weights);
  const packed = new ArrayBuffer(weightLayout.bytes);
  const sigmoid = scoringOf(metadata, config.classes).activation === 'sigmoid';
  const spec = options.preprocess ?? metadata.preprocess ?? null;
  const inputSize = options.inputSize ?? (spec && inputSizeOf(spec)) ?? defaultInputSize(config);
  const pictures = spec && new Pictures(spec, { channels: config.inChannels, size: inputSize });
  const opening = Engine.create({
    ...{ config, precision, packed, weightLayout, gpu, device, sigmoid, batch, inputSize, timeout },
    tuned: new Map(Object.entries(options.tuned ?? {})),
    isAuto: options.precision === 'auto',
    onWarning: options.onWarning ?? (({ message }) => console.warn(message)),
  });
  const engine = await withAbort(signal, 'load()', opening, (late) => late.dispose());
  let isOver = false;
  try {
    const first = engine.session;
    const tune = options.tune === true ? {} : options.tune;
    const tuner = tune ? await openTuner(engine, tune, signal) : null;
    const fill = async () => {
      let isRead = false;
      for await (const range of packArriving(arrival, canonical, config, weightLayout, packed)) {
        if (isOver) return;
        check();
        engine.session.upload(range);
        if (arrival.isWhole && !isRead) at('read', 0, packed.byteLength);
        isRead = arrival.isWhole;
      }
      at('upload', packed.byteLength, packed.byteLength);
      at('compile', 0, 1);
    };
    const call = { what: 'load', signal, batch, inputSize };
    const compile = engine.prepare(call, async (session, executable) => {
      const [made] = await Promise.all([executable, pictures?.prepare(session)]);
      await warmUp(session.device, made, (await pictures?.blank(session, made)) ?? {});
      return made.plan;
    });
    const [untuned] = await Promise.all([compile, fill()]);
    // If the device was lost meanwhile, what had been uploaded went to the old one.
    if (engine.session !== first) engine.session.upload();
    await engine.run({ ...call, ...NOTHING });
    at('compile', 1, 1);
    const tuning =
      tuner &&
      (await withAbort(
        signal,
        'load()',
        tuner(untuned, (done, total) => at('tune', done, total)),
      ));
    const plan = tuning ? await engine.prepare(call, async (_, executable) => (await executable).plan) : untuned;
    return { engine, pictures, config, metadata, inputSize, plan, tuning };
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
const NOTHING = { passes: [], feed: async () => ({}), outputs: () => ['best'], answer: () => null };

/** One workgroup of everything that a call dispatches, so that the first call finds the driver's work done. */
async function warmUp(device: GPUDevice, executable: Executable, picture: Recorder): Promise<void> {
  try {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    picture.dispatches?.(pass);
    executable.encodeFirsts(pass);
    pass.end();
    device.queue.submit([encoder.finish()]);
  } finally {
    picture.release?.();
  }
  await device.queue.onSubmittedWorkDone();
}

/** The kernels need no `shader-f16`; that an adapter has it tells that it converts in hardware, so that f16 pays. */
async function choosePrecision(options: LoadOptions, gpu: GPU | undefined): Promise<Precision> {
  const { precision = 'f32', device } = options;
  const isHalf =
    precision === 'f16' ||
    (precision === 'auto' && (device?.features ?? (await requestAdapter(gpu)).features).has('shader-f16'));
  const activations = isHalf ? 'f16' : 'f32';
  return { activations, weights: options.weights ?? activations };
}

/** The size the family was trained at (paper, sections 4.1 and 4.2). */
function defaultInputSize(config: DenseNetConfig): Size {
  return config.stem === 'imagenet' ? [224, 224] : [32, 32];
}
