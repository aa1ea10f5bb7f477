/** The objects that a whole PyTorch module consists of: their classes and attributes, in the order of registration. */
import type { PickleValue } from './values.js';

export interface Module {
  /** Dotted name from the network on: `features.denseblock1.denselayer1.norm1`; '' for the network itself. */
  readonly path: string;
  /** `torchvision.models.densenet.DenseNet` */
  readonly type: string;
  readonly attributes: ReadonlyMap<string, PickleValue>;
  /** Whether it contains other modules. */
  readonly isLeaf: boolean;
}

/** The class without its package. */
export const classOf = ({ type }: Module): string => type.slice(type.lastIndexOf('.') + 1);

export function numberOf({ attributes }: Module, name: string, otherwise: number): number {
  const value = attributes.get(name);
  return typeof value === 'number' ? value : otherwise;
}

export function textOf({ attributes }: Module, name: string, otherwise: string): string {
  const value = attributes.get(name);
  return typeof value === 'string' ? value : otherwise;
}

/** [height, width] of an attribute that is a number or two. */
export function pairOf({ attributes }: Module, name: string, otherwise: number): number[] {
  const value = attributes.get(name);
  if (typeof value === 'number') return [value, value];
  if (!Array.isArray(value)) return [otherwise, otherwise];
  const numbers = value.map((side) => (typeof side === 'number' ? side : Number.NaN));
  return numbers.length === 1 ? [...numbers, ...numbers] : numbers;
}

/** Packages whose DenseNet classes call, in `forward`, exactly the paper's network on their modules. */
const KNOWN_NETWORKS: ReadonlySet<string> = new Set([
  'torchvision.models.densenet.DenseNet',
  'torchxrayvision.models.DenseNet',
  'timm.models.densenet.DenseNet',
  'monai.networks.nets.densenet.DenseNet',
  'monai.networks.nets.densenet.DenseNet121',
  'monai.networks.nets.densenet.DenseNet169',
  'monai.networks.nets.densenet.DenseNet201',
  'monai.networks.nets.densenet.DenseNet264',
]);

export const isKnownNetwork = ({ type }: Module): boolean => KNOWN_NETWORKS.has(type);
