/** `load()` in its stages: bytes → folded model → packed weights → GPU → compiled kernels. */
import type { LoadOptions, LoadProgress } from './api.js';
import { unlessAborted, within } from './deadline.js';
import type { DenseNetParts } from './densenet.js';
import { type ModelSource, readSource } from './download.js';
import { Engine } from './engine.js';
import { AbortedError, OptionError } from './errors.js';
import { requestAdapter } from './gpu/device.js';
import { isHubId, openHub } from './hub-id.js';
import { inputSizeOf } from './image/spec.js';
import type { DenseNetConfig } from './model/config.js';
import type { Size } from './model/layers.js';
import { checkOptions } from './options.js';
import { Pictures } from './pictures.js';
import type { Precision } from './plan/source.js';
import { readModel } from './weights/model-file.js';
import { layoutWeights, packWeights } from './weights/pack.js';

/** @throws as `DenseNet.load`; nothing stays allocated then */
export async function loadParts(source: ModelSource, options: LoadOptions): Promise<DenseNetParts> {
  const progress = (phase: LoadProgress['phase'], loaded: number, total: number) =>
    options.onProgress?.({ phase, loaded, total });
  const check = () => {
    if (options.signal?.aborted) throw new AbortedError('load()', { cause: options.signal.reason });
  };
  check();
  checkOptions(options);
  const gpu = options.gpu ?? (typeof navigator === 'undefined' ? undefined : navigator.gpu);
  const timeout = options.timeout ?? DEFAULT_TIMEOUT_MS;
  const precision = await within(timeout, 'the GPU', choosePrecision(options, gpu));
  const hub = isHubId(source) ? await openHub(source, options) : null;
  const bytes = await readSource(
    hub?.url ?? source,
    (loaded, total) => progress('download', loaded, total),
    options.signal,
  );
  check();
  progress('read', 0, bytes.length);
  const { folded, metadata } = readModel(bytes, hub?.metadata);
  const { config } = folded;
  const packed = packWeights(folded, precision.weights);
  progress('upload', 0, packed.byteLength);
  const weightLayout = layoutWeights(config, precision.weights);
  const sigmoid = metadata.activation === 'sigmoid';
  const spec = options.preprocess ?? metadata.preprocess ?? null;
  const inputSize = options.inputSize ?? (spec && inputSizeOf(spec)) ?? defaultInputSize(config);
  const batch = options.batch ?? 1;
  check();
  const opening = Engine.create({
    ...{ config, precision, packed, weightLayout, gpu, device: options.device, sigmoid, batch, inputSize, timeout },
    isAuto: options.precision === 'auto',
    onWarning: options.onWarning ?? (({ message }) => console.warn(message)),
  });
  const { signal } = options;
  const engine = await unlessAborted(signal, 'load()', opening, (late) => late.dispose());
  try {
    check();
    const pictures = new Pictures(spec, { channels: config.inChannels, size: inputSize });
    progress('compile', 0, 1);
    const plan = await engine.prepare({ what: 'load', signal, batch, inputSize }, async (session, executable) => {
      await Promise.all([executable, pictures.prepare(session)]);
      return (await executable).plan;
    });
    progress('compile', 1, 1);
    check();
    return { engine, pictures, config, metadata, inputSize, plan };
  } catch (error) {
    engine.dispose();
    throw error;
  }
}

const DEFAULT_TIMEOUT_MS = 180_000;

async function choosePrecision(options: LoadOptions, gpu: GPU | undefined): Promise<Precision> {
  const weights = options.weights ?? 'f32';
  const wanted = options.precision ?? 'f32';
  if (wanted === 'f32') return { activations: 'f32', weights };
  const features = options.device?.features ?? (await requestAdapter(gpu)).features;
  if (features.has('shader-f16')) return { activations: 'f16', weights: options.weights ?? 'f16' };
  if (wanted === 'auto') return { activations: 'f32', weights };
  throw new OptionError('precision', "this adapter has no shader-f16: use precision 'auto' or 'f32'");
}

/** The size the family was trained at (paper, sections 4.1 and 4.2). */
function defaultInputSize(config: DenseNetConfig): Size {
  return config.stem === 'imagenet' ? [224, 224] : [32, 32];
}
