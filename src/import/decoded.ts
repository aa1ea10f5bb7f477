/** What every decoder hands over, and what it may ask for. */
import type { ModelMetadata } from '../model/model.js';
import type { TensorMap } from '../tensor/tensor.js';

/** Tensors under any known scheme, and the metadata that the format holds or implies. */
export interface Decoded {
  readonly tensors: TensorMap;
  readonly metadata: ModelMetadata;
  /** What a graph shows of the network beyond its tensors; the options must not say otherwise. */
  readonly fromGraph?: { readonly concat: 'old-first' | 'new-first'; readonly bnEpsilon: number };
}

/** Reads a file that a model names, from beside it only. Rejects with a DenseNetError when it is not there. */
export type ReadSibling = (path: string) => Promise<Uint8Array>;
