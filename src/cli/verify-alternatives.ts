/** A model's assumed facts, each changed by one: what `verify` tries when a model does not compute what its source does. */
import { oldFeaturesFirst } from '../import/concat-order.js';
import { HEAD_ACTIVATIONS, stemOf } from '../model/config.js';
import { decodeMetadata } from '../model/metadata.js';
import type { ModelMetadata } from '../model/model.js';
import { withoutScale } from '../tensor/int8.js';
import { readSafetensors } from '../tensor/safetensors.js';
import type { TensorMap } from '../tensor/tensor.js';
import { interpretTensors } from '../weights/interpret.js';
import { writeModel } from '../weights/model-file.js';

export interface Alternative {
  /** As on the command line of `import`: `--stem-pool no`. */
  readonly option: string;
  /** The same weights with this fact changed. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly metadata: ModelMetadata;
}

/** Of PyTorch, keras.applications, and Keras' and TensorFlow's layers. */
const EPSILONS = [1e-5, 1.001e-5, 1e-3];

/** @param model a file that `import` wrote; others assume nothing */
export function* alternativesOf(model: Uint8Array): Generator<Alternative> {
  const { tensors: stored, metadata: entries } = readSafetensors(model);
  const tensors = new Map([...stored].map(([name, tensor]) => [name, withoutScale(tensor)]));
  const metadata = decodeMetadata(entries);
  const { config } = interpretTensors(tensors, metadata);
  const { stride, pool } = stemOf(config);
  const isAssumed = (name: string) => metadata.assumed?.includes(name) ?? false;
  const changed = (option: string, facts: Partial<ModelMetadata>, weights: TensorMap = tensors): Alternative => {
    const next = { ...metadata, ...facts };
    return { option, model: writeModel(weights, next), metadata: next };
  };
  if (isAssumed('stem-pool')) yield changed(`--stem-pool ${pool ? 'no' : 'yes'}`, { stemPool: !pool });
  if (isAssumed('stem-stride'))
    yield changed(`--stem-stride ${stride === 1 ? 2 : 1}`, { stemStride: stride === 1 ? 2 : 1 });
  if (isAssumed('concat') && metadata.concat === undefined)
    yield changed('--concat new-first', { concat: 'new-first' }, oldFeaturesFirst(tensors, config));
  if (isAssumed('final-relu')) {
    const finalRelu = config.finalRelu === false;
    yield changed(`--final-relu ${finalRelu ? 'yes' : 'no'}`, { finalRelu });
  }
  if (isAssumed('pooling')) yield changed('--pooling max', { pooling: 'max' });
  if (isAssumed('hidden-activation')) {
    for (const activation of HEAD_ACTIVATIONS) {
      if (config.hidden?.every((layer) => layer.activation === activation)) continue;
      const hiddenActivations = config.hidden?.map(() => activation) ?? [];
      yield changed(`--hidden-activation ${activation}`, { hiddenActivations });
    }
  }
  if (isAssumed('epsilon'))
    for (const bnEpsilon of EPSILONS)
      if (bnEpsilon !== config.bnEpsilon) yield changed(`--epsilon ${bnEpsilon}`, { bnEpsilon });
}
