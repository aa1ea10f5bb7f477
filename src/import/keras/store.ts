/**
 * The weight store of Keras 3 (`.weights.h5`, and `model.weights.h5` in a `.keras` archive): a group per layer, named
 * by class and number, with its variables by number. What the layers are called stands in the config; since Keras 3.4
 * or so in an attribute too.
 */
import { formatError } from '../format-error.js';
import type { Hdf5Object } from '../hdf5/file.js';
import type { Layer } from './network.js';
import { kerasHubRefusal, refuse } from './refusals.js';
import { type StoredLayer, StoredLayers, type Variable } from './stored.js';

/** @param network the layers of the config, or `null` for a weights-only file */
export function readStore(root: Hdf5Object, network: readonly Layer[] | null): StoredLayer[] {
  const stored = new StoredLayers();
  const containers = network ? containersIn(root, network) : containersFound(root, 'layers', 0);
  for (const { name, variables, group } of containers) {
    const keys = group.keys();
    if (keys.length > variables.length || keys.some((key) => !/^\d+$/.test(key) || Number(key) >= variables.length)) {
      throw refuse(name, `has the variables ${keys.slice(0, 8).join(', ')}, where ${variables.join(', ')} are known`);
    }
    for (const key of keys) {
      const tensor = group.get(key)?.tensor(`${name}/${key}`);
      if (tensor) stored.add(name, variables[Number(key)] ?? key, tensor);
    }
  }
  return stored.all();
}

interface Container {
  readonly name: string;
  readonly variables: readonly Variable[];
  readonly group: Hdf5Object;
}

/** Numbered like the config's layers of the same class. */
function containersIn(root: Hdf5Object, network: readonly Layer[]): Container[] {
  return network.flatMap(({ name, kind, config, container }) => {
    const variables = variablesOf(kind, config);
    const group = variables.length > 0 ? root.get(`${container}/vars`) : null;
    if (!group) return [];
    const found = group.texts('name')?.[0] ?? name;
    if (found === name) return [{ name, variables, group }];
    throw formatError('keras')(`the weights at ${container} are of "${found}", where the config has "${name}"`, {
      tensor: name,
    });
  });
}

const CLASSES: ReadonlyMap<string, string> = new Map([
  ['conv2d', 'Conv2D'],
  ['dense', 'Dense'],
  ['batch_normalization', 'BatchNormalization'],
]);
const MAX_DEPTH = 8;

/** Without a config: under the name in the attribute, else the container's; classes by the container's name. */
function containersFound(root: Hdf5Object, path: string, depth: number): Container[] {
  if (depth > MAX_DEPTH) throw formatError('keras')('nested without end');
  const layers = root.get(path);
  const keys = layers?.keys().map((key) => ({ key, ...numbered(key) })) ?? [];
  keys.sort((a, b) => a.number - b.number);
  return keys.flatMap(({ key, base }) => {
    const hub = kerasHubRefusal(base);
    if (hub) throw hub;
    const group = layers?.get(`${key}/vars`);
    const kind = CLASSES.get(base);
    const inner = layers?.get(`${key}/layers`) ? containersFound(root, `${path}/${key}/layers`, depth + 1) : [];
    if (!group || group.keys().length === 0) return inner;
    const name = group.texts('name')?.[0] ?? key;
    if (!kind) throw refuse(name, `is a ${base}, which no DenseNet of this runtime has`);
    return [...inner, { name, group, variables: variablesOf(kind, new Map()) }];
  });
}

/** `conv2d_12` → `conv2d`, 12. */
export function numbered(key: string): { readonly base: string; readonly number: number } {
  const match = /^(.*?)(?:_(\d+))?$/.exec(key);
  return { base: match?.[1] ?? key, number: Number(match?.[2] ?? 0) };
}

/** In the order in which Keras creates them; what an option leaves out is not numbered. */
function variablesOf(kind: string, config: ReadonlyMap<string, unknown>): readonly Variable[] {
  const has = (option: string) => config.get(option) !== false;
  switch (kind) {
    case 'Conv2D':
    case 'Dense':
      return has('use_bias') ? ['kernel', 'bias'] : ['kernel'];
    case 'BatchNormalization': {
      const learned: readonly Variable[] = ['gamma', 'beta'];
      const kept = learned.filter((_, i) => has(i === 0 ? 'scale' : 'center'));
      return [...kept, 'moving_mean', 'moving_variance'];
    }
    case 'Normalization':
      return ['mean', 'variance', 'count'];
    default:
      return [];
  }
}
