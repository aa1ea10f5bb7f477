/** The stored layers of a Keras model, and its config where there is one → tensors under names that we know. */
import { ModelFormatError } from '../../core/errors.js';
import { KERAS_BN_EPSILON } from '../../model/config.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Decoded } from '../decoded.js';
import { type Network, withoutTop } from './check.js';
import { isNamed, namesByOrder } from './names.js';
import { kerasHubRefusal, refuse } from './refusals.js';
import type { StoredLayer } from './stored.js';
import { normTensors, weightTensors } from './tensors.js';

const HEAD = 'predictions';

/**
 * @param layers as stored, in any order if they have names, else in that of the computation
 * @param network as the model's config describes it, or `null` for a weights-only file
 * @param acceptOrderedNames the user has said the epsilon, so that a weights-only file may be read by the order of its layers
 * @throws ModelFormatError naming the layer that has no place in a DenseNet
 */
export function assemble(
  layers: readonly StoredLayer[],
  network: Network | null,
  acceptOrderedNames: boolean,
): Decoded {
  const facts = network?.facts;
  const ordered = network ? inOrder(layers, network) : layers;
  const epsilons = ordered.flatMap(({ name }) => facts?.epsilons.get(name) ?? []);
  // The least, so that what the others have more makes their variances larger, never negative.
  const bnEpsilon = epsilons.length > 0 ? Math.min(...epsilons) : KERAS_BN_EPSILON;
  const names = namesOf(ordered, network !== null || acceptOrderedNames);
  const tensors = new Map<string, Tensor>();
  for (const layer of ordered) {
    const name = names.get(layer.name) ?? layer.name;
    const isNorm = layer.variables.has('moving_mean');
    const extra = (facts?.epsilons.get(layer.name) ?? bnEpsilon) - bnEpsilon;
    for (const tensor of isNorm ? normTensors(layer, name, extra) : weightTensors(layer, name))
      tensors.set(tensor.name, tensor);
  }
  const activation = facts?.activation ? { activation: facts.activation } : {};
  return {
    tensors,
    metadata: { bnEpsilon, ...activation },
    ...(facts ? { fromGraph: { concat: facts.concat, bnEpsilon } } : {}),
  };
}

function inOrder(layers: readonly StoredLayer[], network: Network): StoredLayer[] {
  const positions = new Map(network.layers.map(({ name }, index) => [name, index]));
  const stray = layers.find(({ name }) => !positions.has(name));
  if (stray) throw refuse(stray.name, "has weights, but the model's config does not know it");
  return [...layers].sort((a, b) => (positions.get(a.name) ?? 0) - (positions.get(b.name) ?? 0));
}

/** Name in the file → name under the scheme `keras`. */
function namesOf(layers: readonly StoredLayer[], acceptOrderedNames: boolean): ReadonlyMap<string, string> {
  const hub = kerasHubRefusal(layers.some(({ name }) => /^stack\d+_block\d+_\d_bn$/.test(name)) ? 'keras_hub' : '');
  if (hub) throw hub;
  const heads = layers.filter(({ variables }) => variables.get('kernel')?.shape.length === 2);
  const [head, second] = heads;
  if (!head) throw withoutTop(layers.at(-1)?.name ?? '');
  if (second) throw refuse(second.name, 'is a second Dense layer; the classifier is one');
  if (isNamed(layers)) return new Map([[head.name, HEAD]]);
  if (!acceptOrderedNames) throw nameless(layers[0]?.name ?? '');
  return new Map([...namesByOrder(layers), [head.name, HEAD]]);
}

function nameless(example: string): ModelFormatError {
  return new ModelFormatError(
    `this file holds weights alone, and its layers are not named as in keras.applications ("${example}"): save the whole ` +
      'model (model.save("model.keras")), which tells epsilons, padding and order; or, if it is a model of ' +
      'keras.applications, say --epsilon 1.001e-5 and the weights are taken in the order of their numbers',
    { format: 'keras' },
  );
}
