/**
 * The members of the family that the paper and its code publish, by name. For the command line, benchmarks and tests: a
 * page derives its network from the tensors.
 */
import { OptionError } from '../core/errors.js';
import { type DenseNetConfig, type Stem, TORCH_BN_EPSILON } from './config.js';

/** The smallest description of a family member; `compression` is 0.5 for the C of DenseNet-BC, 1 without. */
export interface FamilyRow {
  readonly stem: Stem;
  readonly growthRate: number;
  readonly initFeatures: number;
  readonly blocks: readonly number[];
  readonly bottleneck: number | null;
  readonly compression: number;
  readonly classes: number;
}

const imagenet = (blocks: readonly number[], growthRate = 32, initFeatures = 64): FamilyRow => ({
  stem: 'imagenet',
  growthRate,
  initFeatures,
  blocks,
  bottleneck: 4,
  compression: 0.5,
  classes: 1000,
});

/** Depth L of a three-block CIFAR net: (L - 4) / 3 layers per block, halved with bottlenecks. */
const cifar = (depth: number, growthRate: number, bc: boolean): FamilyRow => {
  const layers = (depth - 4) / (bc ? 6 : 3);
  return {
    stem: 'cifar',
    growthRate,
    initFeatures: bc ? 2 * growthRate : 16,
    blocks: [layers, layers, layers],
    bottleneck: bc ? 4 : null,
    compression: bc ? 0.5 : 1,
    classes: 10,
  };
};

/** The rows of the paper's tables (and DenseNet-264 and the wide BC nets of its follow-up code), by name. */
export const FAMILY: Readonly<Record<string, FamilyRow>> = {
  densenet121: imagenet([6, 12, 24, 16]),
  densenet161: imagenet([6, 12, 36, 24], 48, 96),
  densenet169: imagenet([6, 12, 32, 32]),
  densenet201: imagenet([6, 12, 48, 32]),
  densenet264: imagenet([6, 12, 64, 48]),
  'densenet-40-12': cifar(40, 12, false),
  'densenet-100-12': cifar(100, 12, false),
  'densenet-100-24': cifar(100, 24, false),
  'densenet-bc-100-12': cifar(100, 12, true),
  'densenet-bc-250-24': cifar(250, 24, true),
  'densenet-bc-190-40': cifar(190, 40, true),
  'densenet-bc-40-36': cifar(40, 36, true),
  'densenet-bc-40-48': cifar(40, 48, true),
  'densenet-bc-40-60': cifar(40, 60, true),
};

/**
 * The full config of a family member.
 *
 * @param name a key of {@link FAMILY}
 * @throws OptionError when there is no such row (the message lists the rows)
 */
export function familyConfig(name: string, overrides: { inChannels?: number; classes?: number } = {}): DenseNetConfig {
  const row = Object.hasOwn(FAMILY, name) ? FAMILY[name] : undefined;
  if (!row) throw new OptionError('arch', `unknown architecture "${name}"; known: ${Object.keys(FAMILY).join(', ')}`);
  return {
    stem: row.stem,
    stemNorm: row.stem === 'imagenet',
    inChannels: overrides.inChannels ?? 3,
    initFeatures: row.initFeatures,
    growthRate: row.growthRate,
    blocks: row.blocks,
    bottleneck: row.bottleneck,
    transitions: transitionWidths(row),
    classes: overrides.classes ?? row.classes,
    bnEpsilon: TORCH_BN_EPSILON,
  };
}

function transitionWidths(row: FamilyRow): number[] {
  const widths: number[] = [];
  let channels = row.initFeatures;
  for (const layers of row.blocks.slice(0, -1)) {
    channels = Math.floor((channels + layers * row.growthRate) * row.compression);
    widths.push(channels);
  }
  return widths;
}
