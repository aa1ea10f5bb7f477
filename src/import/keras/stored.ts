/** A layer's variables as Keras stores them, whatever the file. */
import type { Tensor } from '../../tensor/tensor.js';
import { formatError } from '../format-error.js';
import { refuse } from './refusals.js';

/** Of convolutions and dense layers, batch norms, and Normalization. */
export const VARIABLES = [
  'kernel',
  'bias',
  'gamma',
  'beta',
  'moving_mean',
  'moving_variance',
  'mean',
  'variance',
  'count',
] as const;
export type Variable = (typeof VARIABLES)[number];

export interface StoredLayer {
  readonly name: string;
  readonly variables: ReadonlyMap<Variable, Tensor>;
}

/** Collects variables, one by one, under their layers. */
export class StoredLayers {
  private readonly found = new Map<string, Map<Variable, Tensor>>();

  /** @throws ModelFormatError for a variable that no DenseNet has, or one that is there twice */
  add(layer: string, variable: string, tensor: Tensor): void {
    const known = VARIABLES.find((candidate) => candidate === variable);
    if (!known) throw refuse(layer, `has a variable "${variable}", which no layer of a DenseNet has`);
    const variables = this.found.get(layer) ?? new Map<Variable, Tensor>();
    if (variables.has(known)) {
      throw formatError('keras')(`"${layer}" has its ${known} twice`, { tensor: layer });
    }
    this.found.set(layer, variables.set(known, tensor));
  }

  /** In the order in which they came. */
  all(): StoredLayer[] {
    return [...this.found].map(([name, variables]) => ({ name, variables }));
  }
}
