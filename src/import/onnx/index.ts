/** ONNX files → tensors under canonical names, whatever the graph's own names. */
import type { ModelMetadata } from '../../model/model.js';
import type { TensorMap } from '../../tensor/tensor.js';
import { assemble } from '../recognise/assemble.js';
import type { Order } from '../recognise/block.js';
import { recognise } from '../recognise/recognise.js';
import { readModelProto } from './proto.js';

export interface OnnxDenseNet {
  /** Canonical names; channels in the order in which the graph joins them. */
  readonly tensors: TensorMap;
  readonly metadata: ModelMetadata;
  readonly fromGraph: { readonly concat: Order; readonly bnEpsilon: number };
}

/**
 * @param bytes the whole file; weights may be views into it
 * @throws ModelFormatError when it cannot be read; ModelShapeError naming the first node that does not fit
 */
export function readOnnx(bytes: Uint8Array): OnnxDenseNet {
  const { logits, activation, order } = recognise(readModelProto(bytes));
  const { tensors, bnEpsilon } = assemble(logits);
  return {
    tensors,
    metadata: { bnEpsilon, ...(activation && { activation }) },
    fromGraph: { concat: order, bnEpsilon },
  };
}
