/**
 * Tensor shapes → `DenseNetConfig`: the architecture is read off the shapes alone, then every tensor is checked against
 * the table that this architecture demands. No lookup of known nets, no bytes.
 */
import { ModelShapeError } from '../errors.js';
import { checkShapes } from './check.js';
import { type DenseNetConfig, TORCH_BN_EPSILON } from './config.js';
import { names, type Shape } from './tensors.js';

export type ShapeMap = ReadonlyMap<string, Shape>;

export interface DeriveOptions {
  /** Shapes do not show it; 1e-5 unless the file or its framework says otherwise. */
  readonly bnEpsilon?: number;
  /** The naming scheme that the shapes were read under, for messages. */
  readonly scheme?: string;
  /** Canonical name → name in the file, for messages. */
  readonly sources?: ReadonlyMap<string, string>;
}

/**
 * @param shapes canonical name → shape; names that are not canonical count as extra
 * @throws ModelShapeError listing every missing, extra and mis-shaped tensor at once
 */
export function deriveConfig(shapes: ShapeMap, options: DeriveOptions = {}): DenseNetConfig {
  const config = guessConfig(shapes, options.bnEpsilon ?? TORCH_BN_EPSILON);
  checkShapes(shapes, config, options);
  return config;
}

/** The config that the tensors point to; where they are missing, the paper's value, for the check to complain about. */
function guessConfig(shapes: ShapeMap, bnEpsilon: number): DenseNetConfig {
  const blocks = layersPerBlock(shapes);
  const dimension = (name: string, axis: number) => shapes.get(`${name}.weight`)?.[axis];
  const kernel = dimension(names.stemConv, 2) ?? 7;
  if (kernel !== 7 && kernel !== 3) throw unknownStem(shapes.get(`${names.stemConv}.weight`) ?? []);
  const stem = kernel === 7 ? 'imagenet' : 'cifar';
  const width = dimension(names.layer(1, 1, 'conv1'), 0) ?? 128;
  const isPlain = dimension(names.layer(1, 1, 'conv1'), 2) === 3;
  const growthRate = isPlain ? width : (dimension(names.layer(1, 1, 'conv2'), 0) ?? Math.ceil(width / 4));
  const initFeatures = dimension(names.stemConv, 0) ?? dimension(names.layer(1, 1, 'norm1'), 0) ?? 2 * growthRate;
  const transitions: number[] = [];
  let channels = initFeatures;
  for (const [index, layers] of blocks.slice(0, -1).entries()) {
    channels += layers * growthRate;
    channels = dimension(names.transition(index + 1, 'conv'), 0) ?? Math.floor(channels / 2);
    transitions.push(channels);
  }
  return {
    stem,
    stemNorm: stem === 'imagenet' || shapes.has(`${names.stemNorm}.running_mean`),
    inChannels: dimension(names.stemConv, 1) ?? 3,
    initFeatures,
    growthRate,
    blocks,
    bottleneck: isPlain || growthRate === 0 ? null : width / growthRate,
    transitions,
    classes: dimension(names.classifier, 0) ?? 1000,
    bnEpsilon,
  };
}

/** Layers per block from the largest indices seen; holes are for the check to find. */
function layersPerBlock(shapes: ShapeMap): number[] {
  const counts: number[] = [];
  for (const name of shapes.keys()) {
    const match = /^features\.denseblock(\d+)\.denselayer(\d+)\./.exec(name);
    if (!match) continue;
    const [b, i] = [Number(match[1]), Number(match[2])];
    if (b < 1 || i < 1 || b > shapes.size || i > shapes.size) throw badIndex(name, shapes.size);
    for (let filled = counts.length; filled < b; filled++) counts.push(0);
    counts[b - 1] = Math.max(counts[b - 1] ?? 0, i);
  }
  return counts;
}

function badIndex(name: string, tensors: number): ModelShapeError {
  return new ModelShapeError(
    `not a DenseNet: tensor "${name}" has a block or layer number that cannot be right in a file of ${tensors} tensors`,
    { missing: [], extra: [name], misshaped: [] },
  );
}

function unknownStem(shape: Shape): ModelShapeError {
  const expected = '[features, channels, 7, 7] (ImageNet stem) or [features, channels, 3, 3] (CIFAR stem)';
  return new ModelShapeError(`not a DenseNet: ${names.stemConv}.weight is [${shape}], expected ${expected}`, {
    missing: [],
    extra: [],
    misshaped: [{ name: `${names.stemConv}.weight`, expected, found: `[${shape}]` }],
  });
}
