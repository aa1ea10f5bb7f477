/** The stored layers of a Keras file: with its config a network, without it tensors by the layers' names. */
import { ModelFormatError } from '../../core/errors.js';
import { KERAS_BN_EPSILON } from '../../model/config.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Decoded } from '../decoded.js';
import { graphOfLayers } from './graph.js';
import { isNamed, namesByOrder } from './names.js';
import type { Layer } from './network.js';
import { kerasHubRefusal, refuse } from './refusals.js';
import type { StoredLayer } from './stored.js';
import { layerTensors } from './tensors.js';

/**
 * @param layers as stored, in any order if they have names, else in that of the computation
 * @param network as the model's config describes it, or `null` for a weights-only file
 * @param acceptOrderedNames the user has said the epsilon, so that a weights-only file may be read by the order of its layers
 * @throws ModelFormatError naming the layer whose weights make no sense
 */
export function assemble(
  layers: readonly StoredLayer[],
  network: readonly Layer[] | null,
  acceptOrderedNames: boolean,
): Decoded {
  if (!network) return { tensors: tensorsOf(layers, acceptOrderedNames), metadata: { bnEpsilon: KERAS_BN_EPSILON } };
  const known = new Set(network.map(({ name }) => name));
  const stray = layers.find(({ name }) => !known.has(name));
  if (stray) throw refuse(stray.name, "has weights, but the model's config does not know it");
  return { graph: graphOfLayers(network, layers), metadata: {} };
}

/** What the variables are called in the naming schemes. */
const LEAVES: Readonly<Record<string, string>> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

function tensorsOf(layers: readonly StoredLayer[], acceptOrderedNames: boolean): Map<string, Tensor> {
  const hub = kerasHubRefusal(layers.some(({ name }) => /^stack\d+_block\d+_\d_bn$/.test(name)) ? 'keras_hub' : '');
  if (hub) throw hub;
  if (!isNamed(layers) && !acceptOrderedNames) throw nameless(layers[0]?.name ?? '');
  const names = isNamed(layers) ? new Map<string, string>() : namesByOrder(layers);
  const tensors = new Map<string, Tensor>();
  for (const layer of layers) {
    for (const tensor of layerTensors(layer)) {
      const leaf = LEAVES[tensor.name.slice(layer.name.length + 1)];
      if (leaf === undefined) continue;
      const name = `${names.get(layer.name) ?? layer.name}.${leaf}`;
      tensors.set(name, { ...tensor, name });
    }
  }
  return tensors;
}

function nameless(example: string): ModelFormatError {
  return new ModelFormatError(
    `this file holds weights alone, and its layers are not named as in keras.applications ("${example}"): save the whole ` +
      'model (model.save("model.keras")), which tells epsilons, padding and order; or, if it is a model of ' +
      'keras.applications, say --epsilon 1.001e-5 and the weights are taken in the order of their numbers',
    { format: 'keras' },
  );
}
