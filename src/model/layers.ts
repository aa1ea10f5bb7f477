/**
 * The layer table: what each convolution of a config costs at an input size, in the order of the frameworks. And the
 * sizes of the maps.
 */
import { TensorShapeError } from '../core/errors.js';
import { type DenseNetConfig, stemOf } from './config.js';
import { blockInputs, bottleneckWidth, finalChannels, pooledWidth } from './tensors.js';

/**
 * `stem` 7×7 or 3×3; `reduce` BN-ReLU-1×1 of a bottleneck; `conv` BN-ReLU-3×3; `transition` BN-ReLU-1×1 before its
 * pool; `linear` a dense layer of the head, the first with the BN-ReLU-pool before it.
 */
export type LayerKind = 'stem' | 'reduce' | 'conv' | 'transition' | 'linear';

/** One convolution (or the linear layer) with the batch norm that goes with it. */
export interface LayerRow {
  readonly name: string;
  readonly kind: LayerKind;
  readonly in: number;
  readonly out: number;
  /** The convolution's output map; 1×1 for the linear layer. */
  readonly height: number;
  readonly width: number;
  /** Weights, batch-norm scales and shifts, and the head's bias. Convolutions count as bias-free. */
  readonly parameters: number;
  /** Multiply-accumulates of the convolution or the matrix product, for one picture, borders counted in full. */
  readonly macs: number;
}

export interface LayerTable {
  readonly rows: readonly LayerRow[];
  readonly parameters: number;
  readonly macs: number;
}

export type Size = readonly [height: number, width: number];

/** The map of each dense block, after the stem's pool. */
export interface MapSizes {
  /** The stem convolution's output, before its pool. */
  readonly stem: Size;
  readonly blocks: readonly Size[];
}

/** @throws TensorShapeError when the last map would be empty, saying the smallest side that works */
export function mapSizes(config: DenseNetConfig, [height, width]: Size): MapSizes {
  const rows = sideSizes(config, height);
  const columns = sideSizes(config, width);
  const blocks = rows.blocks.map((rowCount, b): Size => [rowCount, columns.blocks[b] ?? 0]);
  if (!isWhole(height) || !isWhole(width) || blocks.some(([h, w]) => h < 1 || w < 1)) {
    const least = smallestSide(config);
    throw new TensorShapeError(
      `an input of ${height}×${width} is too small for this network: at least ${least}×${least} is needed`,
      `${least}×${least} or more`,
      `${height}×${width}`,
    );
  }
  return { stem: [rows.stem, columns.stem], blocks };
}

/** The smallest input side that leaves one pixel in the last dense block. */
export function smallestSide(config: DenseNetConfig): number {
  let side = 1;
  while (sideSizes(config, side).blocks.some((size) => size < 1)) side++;
  return side;
}

/** One axis: convolutions round up (padding 3 of 7, 1 of 3), transitions' pools round down. */
function sideSizes(config: DenseNetConfig, side: number): { stem: number; blocks: number[] } {
  const { stride, pool } = stemOf(config);
  const stem = Math.ceil(side / stride);
  let size = pool ? Math.ceil(stem / 2) : stem;
  const blocks = config.blocks.map((_, b) => {
    if (b > 0) size = Math.floor(size / 2);
    return size;
  });
  return { stem, blocks };
}

function isWhole(side: number): boolean {
  return Number.isSafeInteger(side) && side > 0;
}

/**
 * @param inputSize [height, width] of the network's input
 * @throws TensorShapeError when the input is too small
 * @example layerTable(familyConfig('densenet121'), [224, 224]).parameters // 7978856, as torchvision's
 */
export function layerTable(config: DenseNetConfig, inputSize: Size): LayerTable {
  const sizes = mapSizes(config, inputSize);
  const rows: LayerRow[] = [];
  const add = (
    name: string,
    kind: LayerKind,
    channels: number,
    out: number,
    kernel: number,
    size: Size,
    norm: number,
  ) => {
    const weights = out * channels * kernel * kernel;
    const [height, width] = size;
    const bias = kind === 'linear' ? out : 0;
    const parameters = weights + 2 * norm + bias;
    rows.push({ name, kind, in: channels, out, height, width, parameters, macs: weights * height * width });
  };
  const stemNorm = config.stemNorm ? config.initFeatures : 0;
  add('stem', 'stem', config.inChannels, config.initFeatures, stemOf(config).kernel, sizes.stem, stemNorm);
  const bottleneck = bottleneckWidth(config);
  const inputs = blockInputs(config);
  for (const [index, size] of sizes.blocks.entries()) {
    let channels = inputs[index] ?? 0;
    for (let i = 1; i <= (config.blocks[index] ?? 0); i++) {
      const name = `denseblock${index + 1}.denselayer${i}`;
      if (bottleneck !== null) add(`${name}.conv1`, 'reduce', channels, bottleneck, 1, size, channels);
      const wide = bottleneck ?? channels;
      add(bottleneck === null ? `${name}.conv1` : `${name}.conv2`, 'conv', wide, config.growthRate, 3, size, wide);
      channels += config.growthRate;
    }
    const out = config.transitions[index];
    if (out !== undefined) add(`transition${index + 1}`, 'transition', channels, out, 1, size, channels);
  }
  let width = pooledWidth(config);
  let norm = finalChannels(config);
  const dense = (name: string, out: number) => {
    add(name, 'linear', width, out, 1, [1, 1], norm);
    [width, norm] = [out, 0];
  };
  for (const [index, layer] of (config.hidden ?? []).entries()) dense(`hidden${index + 1}`, layer.width);
  if (config.classes > 0) dense('classifier', config.classes);
  const sum = (field: 'parameters' | 'macs') => rows.reduce((total, row) => total + row[field], 0);
  return { rows, parameters: sum('parameters'), macs: sum('macs') };
}
