/** What an accepted file must be good for: everything that happens to a model before it meets a GPU. */

import type { ModelMetadata } from '../../src/model/model.js';
import { planNetwork } from '../../src/plan/network.js';
import { inputSizeOf } from '../../src/preprocess/spec.js';
import { DTYPE_BYTES, elementCount, type TensorMap } from '../../src/tensor/tensor.js';
import { foldsOf } from '../../src/weights/fold.js';
import { interpretTensors } from '../../src/weights/interpret.js';
import { layoutWeights, packWeights } from '../../src/weights/pack.js';

/** @throws Error for a tensor whose bytes are not its shape's: then the reader is at fault, not the file */
export function checkTensors(tensors: TensorMap): void {
  for (const { name, shape, dtype, bytes } of tensors.values()) {
    const needed = elementCount(shape) * DTYPE_BYTES[dtype];
    if (bytes.length !== needed) throw new Error(`tensor "${name}" has ${bytes.length} bytes, its shape ${needed}`);
  }
}

/** Reads, packs and plans a model as `DenseNet.load` does. @throws DenseNetError where it cannot be run */
export function useModel(tensors: TensorMap, metadata: ModelMetadata): void {
  const { canonical, config } = interpretTensors(tensors, metadata);
  const packed = packWeights(foldsOf(canonical, config), config);
  const { bytes } = layoutWeights(config, 'f32');
  if (packed.byteLength !== bytes) throw new Error(`${packed.byteLength} bytes of weights for a layout of ${bytes}`);
  const inputSize = (metadata.preprocess && inputSizeOf(metadata.preprocess)) ?? [32, 32];
  const plan = planNetwork(config, { batch: 1, inputSize, activations: 'f32', caps: { subgroup: null } });
  if (!(plan.arena.bytes > 0)) throw new Error(`an arena of ${plan.arena.bytes} bytes`);
}
