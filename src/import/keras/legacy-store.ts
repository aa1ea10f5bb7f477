/** The weights of a Keras 2 `.h5` file (Keras 3 writes such too): groups by layer, whose attributes list the tensors. */
import { ModelFormatError } from '../../core/errors.js';
import { formatError } from '../format-error.js';
import type { Hdf5Object } from '../hdf5/file.js';
import type { Layer } from './network.js';
import { type StoredLayer, StoredLayers } from './stored.js';

/**
 * @param weights the file's root, or `model_weights` in a whole model
 * @throws ModelFormatError for files of Keras 1, and whatever the lists name but the file lacks
 */
export function readLegacyStore(weights: Hdf5Object, network: readonly Layer[] | null): StoredLayer[] {
  const stored = new StoredLayers();
  const known = new Set(network?.map(({ name }) => name));
  const keras1: string[] = [];
  for (const group of listOf(weights, 'layer_names')) {
    const object = weights.get(group);
    if (!object) throw missing(`the group of layer "${group}"`);
    const paths = listOf(object, 'weight_names');
    const prefixes = new Set(paths.map(prefixOf));
    for (const path of paths) {
      const dataset = object.get(path);
      if (!dataset) throw missing(`"${group}/${path}"`);
      if (!path.includes('/')) {
        keras1.push(path);
        continue;
      }
      // A model inside the model is one group, whose tensors still carry the names of their own layers.
      const layer = prefixes.size > 1 ? layerOf(prefixOf(path), known) : group;
      stored.add(layer, variableOf(path), dataset.tensor(path));
    }
  }
  if (keras1.length > 0) throw olderThan2(keras1);
  return stored.all();
}

/** Lists beyond 64 KB are cut into `name0`, `name1` … */
function listOf(object: Hdf5Object, name: string): string[] {
  const whole = object.texts(name);
  if (whole) return whole;
  const parts: string[] = [];
  for (let i = 0; ; i++) {
    const part = object.texts(`${name}${i}`);
    if (!part) return parts;
    parts.push(...part);
  }
}

const prefixOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** `bn/moving_mean:0` → `moving_mean`. */
export const variableOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace(/:\d+$/, '');

const LONGEST_NAME = 1024;

/** `sequential/densenet/conv1/conv` → `conv1/conv`: scopes may stand before a layer's name. */
export function layerOf(prefix: string, known: ReadonlySet<string>): string {
  if (prefix.length > LONGEST_NAME) return prefix;
  for (let at = 0; at >= 0; at = prefix.indexOf('/', at) + 1 || -1) {
    if (known.has(prefix.slice(at))) return prefix.slice(at);
  }
  return prefix;
}

function olderThan2(names: readonly string[]): ModelFormatError {
  const count = (pattern: RegExp) => names.filter((name) => pattern.test(name)).length;
  const [convolutions, norms] = [count(/_W$/), count(/_running_(std|mean)$/) / 2];
  return new ModelFormatError(
    `this file is of Keras 1, whose kernels may be Theano's (flipped) and whose "${names.find((name) => /_running_std$/.test(name)) ?? names[0]}" ` +
      `Keras 2 knows no more. Its ${convolutions} layers with kernels have ${norms} batch norms, where a DenseNet has one before each: ` +
      'a net of ReLU and convolution alone cannot be run; another must be loaded and saved with Keras 2',
    { format: 'keras' },
  );
}

function missing(what: string): ModelFormatError {
  return formatError('keras')(`${what} is listed but not there`);
}
