/** What every decoder hands over, and what it may ask for. */
import type { ModelMetadata } from '../model/model.js';
import type { TensorMap } from '../tensor/tensor.js';
import type { NetworkGraph } from './graph/node.js';
import type { Module } from './pytorch/modules.js';

/** A network with everything that it computes, or weights by name. */
export type Decoded =
  | { readonly graph: NetworkGraph; readonly metadata: ModelMetadata; readonly notes?: readonly string[] }
  | {
      /** Under any names. */
      readonly tensors: TensorMap;
      /** That the file holds, or that its format implies. */
      readonly metadata: ModelMetadata;
      /** The objects that a whole PyTorch module consists of. */
      readonly modules?: readonly Module[];
      readonly notes?: readonly string[];
    };

/** Reads a file that a model names, from its own folder only. Rejects with a DenseNetError when it is not there. */
export type ReadSibling = (path: string) => Promise<Uint8Array>;
