/**
 * Tensor shapes → `DenseNetConfig`: the architecture is read off the shapes alone, then every tensor is checked against
 * the table that this architecture demands. No lookup of known nets, no bytes.
 */
import { ModelShapeError } from '../core/errors.js';
import { checkShapes } from './check.js';
import { type DenseNetConfig, type HiddenLayer, type NetworkFacts, type Stem, TORCH_BN_EPSILON } from './config.js';
import { names, type Shape } from './tensors.js';

export type ShapeMap = ReadonlyMap<string, Shape>;

/** Shapes do not show the facts; an epsilon of 1e-5 and the paper's network unless the file or its framework says otherwise. */
export interface DeriveOptions extends NetworkFacts {
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
  const config = guessConfig(shapes, options);
  checkShapes(shapes, config, options);
  return config;
}

/**
 * The config that most tensors point to; where they are missing, the paper's value, for the check to complain about.
 *
 * @throws ModelShapeError when a block's or a layer's number is absurd
 */
export function guessConfig(shapes: ShapeMap, facts: NetworkFacts = {}): DenseNetConfig {
  const blocks = layersPerBlock(shapes);
  const dimension = (module: string, axis: number, leaf = 'weight') => shapes.get(`${module}.${leaf}`)?.[axis];
  /** An axis of the same convolution in every layer. */
  const inLayers = (part: 'conv1' | 'conv2', axis: number) =>
    blocks.flatMap((layers, b) =>
      Array.from({ length: layers }, (_, i) => dimension(names.layer(b + 1, i + 1, part), axis)),
    );
  const width = majority(inLayers('conv1', 0)) ?? 128;
  const isPlain = majority(inLayers('conv1', 2)) === 3;
  const growthRate = isPlain ? width : (majority(inLayers('conv2', 0)) ?? Math.ceil(width / 4));
  /** What enters a block: what the convolution before puts out, and what each layer's first norm says. */
  const entering = (b: number, before: string) =>
    majority([
      dimension(before, 0),
      ...Array.from({ length: blocks[b] ?? 0 }, (_, i) => {
        const channels = dimension(names.layer(b + 1, i + 1, 'norm1'), 0, 'running_mean');
        return channels && channels - i * growthRate;
      }),
    ]);
  const initFeatures = entering(0, names.stemConv) ?? 2 * growthRate;
  const transitions: number[] = [];
  let channels = initFeatures;
  for (const [index, layers] of blocks.slice(0, -1).entries()) {
    channels += layers * growthRate;
    channels = entering(index + 1, names.transition(index + 1, 'conv')) ?? Math.floor(channels / 2);
    transitions.push(channels);
  }
  const stem = dimension(names.stemConv, 2) === 3 ? 'cifar' : 'imagenet';
  return {
    stem,
    stemNorm: facts.stemNorm ?? (stem === 'imagenet' || shapes.has(`${names.stemNorm}.running_mean`)),
    inChannels: dimension(names.stemConv, 1) ?? 3,
    initFeatures,
    growthRate,
    blocks,
    bottleneck: isPlain || growthRate === 0 ? null : width / growthRate,
    transitions,
    classes: dimension(names.classifier, 0) || (hasHead(shapes) ? 1000 : 0),
    bnEpsilon: facts.bnEpsilon ?? TORCH_BN_EPSILON,
    ...unusual(facts, stem, hiddenLayers(shapes, facts)),
  };
}

/** Names that are not the body's: a head's, or some that nobody knows. */
const hasHead = (shapes: ShapeMap): boolean => [...shapes.keys()].some((name) => !name.startsWith('features.'));

/** The facts that a model file must say: those that differ from what its shapes mean without them. */
export function unusualFacts(config: DenseNetConfig): NetworkFacts {
  const { stem, stemNorm, stemStride, stemPool, finalRelu, pooling, hidden } = config;
  return {
    ...(stem === 'imagenet' && !stemNorm ? { stemNorm } : {}),
    ...(stemStride === undefined ? {} : { stemStride }),
    ...(stemPool === undefined ? {} : { stemPool }),
    ...(finalRelu === undefined ? {} : { finalRelu }),
    ...(pooling === undefined ? {} : { pooling }),
    ...(hidden === undefined ? {} : { hiddenActivations: hidden.map(({ activation }) => activation) }),
  };
}

function unusual(facts: NetworkFacts, stem: Stem, hidden: readonly HiddenLayer[]): Partial<DenseNetConfig> {
  const { stemStride, stemPool, finalRelu, pooling } = facts;
  const isImagenet = stem === 'imagenet';
  return {
    ...(stemStride === undefined || stemStride === (isImagenet ? 2 : 1) ? {} : { stemStride }),
    ...(stemPool === undefined || stemPool === isImagenet ? {} : { stemPool }),
    ...(finalRelu === false ? { finalRelu } : {}),
    ...(pooling === undefined || pooling === 'average' ? {} : { pooling }),
    ...(hidden.length > 0 ? { hidden } : {}),
  };
}

function hiddenLayers(shapes: ShapeMap, { hiddenActivations }: NetworkFacts): readonly HiddenLayer[] {
  const layers: HiddenLayer[] = [];
  for (;;) {
    const width = shapes.get(`${names.hidden(layers.length + 1)}.weight`)?.[0];
    if (width === undefined) return layers;
    layers.push({ width, activation: hiddenActivations?.[layers.length] ?? 'relu' });
  }
}

/** The value found most often, the first of equals: one odd tensor is then blamed alone, not all that follow from it. */
function majority(values: readonly (number | undefined)[]): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Thirty times as many as in DenseNet-264: so bounded, absurd numbers lead to no long work. */
const MOST_LAYERS = 4000;

/** Layers per block from the largest indices seen; holes are for the check to find. */
function layersPerBlock(shapes: ShapeMap): number[] {
  const counts: number[] = [];
  let layers = 0;
  for (const name of shapes.keys()) {
    const match = /^features\.denseblock(\d+)\.denselayer(\d+)\./.exec(name);
    if (!match) continue;
    const [b, i] = [Number(match[1]), Number(match[2])];
    for (let filled = counts.length; filled < Math.min(b, shapes.size); filled++) counts.push(0);
    const more = Math.max(0, i - (counts[b - 1] ?? 0));
    layers += more;
    if (b < 1 || i < 1 || b > shapes.size || layers > Math.min(shapes.size, MOST_LAYERS))
      throw badIndex(name, shapes.size);
    counts[b - 1] = (counts[b - 1] ?? 0) + more;
  }
  return counts;
}

function badIndex(name: string, tensors: number): ModelShapeError {
  return new ModelShapeError(
    `not a DenseNet: tensor "${name}" has a block or layer number that cannot be right in a file of ${tensors} tensors`,
    { missing: [], extra: [name], misshaped: [] },
  );
}
