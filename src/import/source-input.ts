/** What a network does to its own input becomes part of the model's preprocessing. */
import { OptionError } from '../core/errors.js';
import type { ModelMetadata } from '../model/model.js';
import { channelsOf, type PreprocessSpec } from '../preprocess/spec.js';

type SourceInput = NonNullable<ModelMetadata['sourceInput']>;

/**
 * Above this spread of values the network would see images of 0…255 as no network does: then it takes 0…1. ImageNet's
 * constants spread 0…255 by 4.5 where they are for 0…255, and by 1,100 where they are for 0…1.
 */
const WIDEST = 60;

/** Pixel values that the network takes: 0…255 or 0…1. */
export function inputScaleOf({ scale }: SourceInput): number {
  return Math.max(...scale.map(Math.abs)) * 255 > WIDEST ? 1 / 255 : 1;
}

/**
 * Metadata whose preprocessing does what the network does to its input. Without a size in the file images are taken at
 * theirs.
 */
export function withPreprocessing(
  metadata: ModelMetadata,
  network: { readonly sourceInput: SourceInput | null; readonly imageSize: readonly [number, number] | null },
  channels: number,
): ModelMetadata {
  const { sourceInput, imageSize } = network;
  if (!sourceInput || metadata.preprocess || (channels !== 1 && channels !== 3)) return metadata;
  const plain: PreprocessSpec = {
    resize: imageSize ? { kind: 'exact', size: imageSize, filter: 'bilinear', antialias: true } : { kind: 'none' },
    crop: null,
    scale: inputScaleOf(sourceInput),
    mean: Array<number>(channels).fill(0),
    std: Array<number>(channels).fill(1),
    channelOrder: channels === 3 ? 'rgb' : 'gray',
  };
  return { ...metadata, preprocess: beforeNetwork(plain, sourceInput) };
}

/**
 * A specification for what stands in front of the network, with what the network does itself put behind it:
 * s · (v − mean) / std + t = (v − (mean − t · std / s)) / (std / s).
 *
 * @throws OptionError when the network's own factor is not above zero
 */
export function beforeNetwork(spec: PreprocessSpec, { scale, shift }: SourceInput): PreprocessSpec {
  const at = (list: readonly number[], c: number) => list[list.length === 1 ? 0 : c] ?? Number.NaN;
  if (scale.some((factor) => !(factor > 0)))
    throw new OptionError(
      'preprocess',
      `the network multiplies its input by ${scale.join(', ')}: export it without this`,
    );
  return {
    ...spec,
    mean: spec.mean.map((mean, c) => mean - (at(shift, c) * (spec.std[c] ?? 1)) / at(scale, c)),
    std: spec.std.map((std, c) => std / at(scale, c)),
  };
}

/** @throws OptionError when the specification makes another number of channels than the network takes */
export function checkChannels(spec: PreprocessSpec, channels: number, name: string): void {
  const made = channelsOf(spec);
  if (made === channels) return;
  throw new OptionError(
    'preprocess',
    `--preprocess ${name} makes ${made} ${made === 1 ? 'channel' : 'channels'}, but the network takes ${channels}`,
  );
}
