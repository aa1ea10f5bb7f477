/** The options of a Keras layer, as its config has them. */
import type { Layer } from './network.js';
import { refuse } from './refusals.js';

export const isRelu = (layer: Layer): boolean => layer.kind === 'ReLU' || activationOf(layer) === 'relu';

/** `linear` for a layer that has none. */
export function activationOf({ config }: Layer): string {
  const value = config.get('activation') ?? 'linear';
  if (typeof value === 'string') return value;
  const name = typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get('class_name') : null;
  return String(name).toLowerCase();
}

/** @throws ModelFormatError unless all values are as wanted */
export function expectOption(layer: Layer, option: string, values: readonly number[], wanted: number): void {
  if (values.every((value) => value === wanted)) return;
  throw refuse(layer.name, `has ${option} ${values.join('×')}; in a DenseNet it is ${wanted}`);
}

export function numberOf({ config }: Layer, option: string, otherwise: number): number {
  const value = config.get(option) ?? otherwise;
  return typeof value === 'number' ? value : Number.NaN;
}

/** [height, width] of an option that is a number or two. */
export function pairOf({ config }: Layer, option: string, otherwise: number): number[] {
  const values = [config.get(option) ?? otherwise].flat();
  const numbers = values.map((value) => (typeof value === 'number' ? value : Number.NaN));
  return numbers.length === 1 ? [...numbers, ...numbers] : numbers;
}
