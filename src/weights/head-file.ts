/**
 * A head by itself in a safetensors file: the classifier that was taught, and the network whose features it reads.
 *
 * A few kilobytes for each class, where the whole model has megabytes. `load(model, { head })` joins the two.
 */
import { ModelFormatError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import { decodeMetadata, encodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { names, pooledWidth } from '../model/tensors.js';
import { roundToFloat16 } from '../tensor/float16.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import type { Tensor, TensorMap } from '../tensor/tensor.js';
import type { Interpretation } from './interpret.js';
import type { PackedWeights } from './pack.js';

/** The metadata that makes a file a head's; its value is the fingerprint of the network. */
const KEY = 'densenet-webgpu-head';
const TENSORS = [`${names.classifier}.weight`, `${names.classifier}.bias`] as const;

export interface HeadFile {
  /** `classifier.weight`, [classes, features], and `classifier.bias`. */
  readonly tensors: TensorMap;
  /** Of the head alone: labels, activation, thresholds. */
  readonly metadata: ModelMetadata;
  /** Of the network whose features it reads. */
  readonly fingerprint: string;
}

export const isHeadFile = (metadata: ReadonlyMap<string, string>): boolean => metadata.has(KEY);

export function writeHead({ tensors, metadata, fingerprint }: HeadFile): Uint8Array<ArrayBuffer> {
  return writeSafetensors(tensors.values(), [...encodeMetadata(metadata), [KEY, fingerprint]]);
}

/** @throws ModelFormatError when the file is no head's */
export function readHead(bytes: Uint8Array): HeadFile {
  const { tensors, metadata } = readSafetensors(bytes);
  const fingerprint = metadata.get(KEY);
  if (fingerprint === undefined)
    throw headError(
      'the head is no file of toSafetensors({ headOnly: true }): load a whole model without the option head',
    );
  const [weight, bias] = TENSORS.map((name) => tensors.get(name)?.shape);
  const isLinear = weight?.length === 2 && bias?.length === 1 && bias[0] === weight[0] && tensors.size === 2;
  if (!isLinear || !weight?.every((side) => side > 0))
    throw headError(`a head holds ${TENSORS.join(' and ')} and nothing else: save it again`);
  return { tensors, metadata: decodeMetadata(metadata), fingerprint };
}

/** A network's tensors with another head. @throws ModelFormatError when that reads another number of features */
export function replaceHead({ canonical, config, scheme }: Interpretation, head: HeadFile): Interpretation {
  const [classes = 0, features = 0] = head.tensors.get(TENSORS[0])?.shape ?? [];
  const width = pooledWidth(config);
  if (features !== width)
    throw headError(
      `the head reads ${features} features, and this network has ${width}: load the network it was taught on`,
    );
  const body = [...canonical].filter(([name]) => !name.startsWith('head.') && !name.startsWith(`${names.classifier}.`));
  return { canonical: new Map([...body, ...head.tensors]), config: withClasses(config, classes), scheme };
}

/** The same network with a head of one linear layer. */
export function withClasses({ hidden, ...config }: DenseNetConfig, classes: number): DenseNetConfig {
  return { ...config, classes };
}

/** What a model file says, with what belongs to its head replaced. */
export function withHeadMetadata(metadata: ModelMetadata, head: ModelMetadata): ModelMetadata {
  const { labels, thresholds, activation, activationOrigin, hiddenActivations, ...body } = metadata;
  return { ...body, ...head };
}

/** What of a network's metadata belongs to its head. */
export function headMetadata(metadata: ModelMetadata): ModelMetadata {
  const { labels, thresholds, activation, activationOrigin, provenance } = metadata;
  return {
    ...(labels && { labels }),
    ...(thresholds && { thresholds }),
    ...(activation && { activation }),
    ...(activationOrigin && { activationOrigin }),
    ...(provenance && { provenance }),
  };
}

/** @throws ModelFormatError unless the head was taught on this network, whatever its storage */
export function checkHead({ fingerprint }: HeadFile, weights: PackedWeights): void {
  if (fingerprint !== fingerprintOf(weights))
    throw headError('the head was taught on the features of another network: load it with the model it was taught on');
}

/** Weights of each tensor that count; of norms and biases all do. */
const SAMPLE = 256;

/**
 * Tells networks with other features apart, by their norms and biases and the first weights of each convolution as f16, so
 * that storage makes no difference: 32 bits, FNV-1a (Fowler, Noll and Vo) over words.
 */
export function fingerprintOf({ layout, packed }: PackedWeights): string {
  let hash = 0x811c9dc5;
  for (const [name, { offset, bytes }] of layout.ranges) {
    if (name.startsWith('head.') && name !== 'head.norm') continue;
    const isWeight = name.endsWith('.weight');
    const words = !isWeight
      ? new Uint32Array(packed, offset, bytes / 4)
      : layout.precision === 'f16'
        ? new Uint16Array(packed, offset, Math.min(SAMPLE, bytes / 2))
        : roundToFloat16(new Float32Array(packed, offset, Math.min(SAMPLE, bytes / 4)));
    for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

const headError = (message: string): ModelFormatError => new ModelFormatError(message, { format: 'head' });

/** @throws ModelFormatError for the file of a head, which is no whole model */
export function checkIsModel(metadata: ReadonlyMap<string, string>): void {
  if (isHeadFile(metadata))
    throw headError(
      'this file is a head alone: load the model it was taught on with the option head, load(model, { head })',
    );
}

/** The tensors of a head, by name. */
export const headTensors = (tensors: readonly Tensor[]): TensorMap =>
  new Map(tensors.map((tensor) => [tensor.name, tensor]));
