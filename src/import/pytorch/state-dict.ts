/**
 * Finds the network's tensors in what a checkpoint holds: a state dict, one nested under a key, or a whole module whose
 * parameters, buffers and submodules are collected from its saved state without running its class.
 */
import { ModelFormatError } from '../../errors.js';
import { Instance, type PickleDict, type PickleValue, TensorRef } from './values.js';

/** Where training scripts put the network, in order of preference. */
const KEYS = [
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'params',
  'weights',
  'module',
];
const EMA_KEYS = ['state_dict_ema', 'model_ema', 'ema_state_dict', 'ema'];
/** Far beyond any network; a limit for pickles whose objects contain one another many times over. */
const MAX_VISITS = 200_000;
const MAX_DEPTH = 32;

/**
 * @param key take the dict under this key, where a file holds several networks
 * @returns name → tensor, in the file's order
 * @throws ModelFormatError when there are no named tensors, saying what is there
 */
export function findStateDict(root: PickleValue, key?: string): Map<string, TensorRef> {
  const keys = key === undefined ? [...KEYS, ...EMA_KEYS] : [key];
  const found = search(root, keys, key !== undefined, 0);
  if (found && found.size > 0) return found;
  const inside = entriesOf(root).map(([name]) => name);
  const what = inside.length > 0 ? `its keys are ${inside.slice(0, 12).join(', ')}` : 'it is no dict and no module';
  const where = key === undefined ? '' : ` under "${key}"`;
  throw new ModelFormatError(`the PyTorch file holds no named tensors${where}: ${what}`, { format: 'pytorch' });
}

function search(
  value: PickleValue,
  keys: readonly string[],
  demanded: boolean,
  depth: number,
): Map<string, TensorRef> | null {
  if (depth > 4) return null;
  const entries = new Map(entriesOf(value));
  for (const key of keys) {
    const inner = entries.get(key);
    if (!(inner instanceof Map || inner instanceof Instance)) continue;
    const found = search(inner, demanded ? [] : keys, false, depth + 1);
    if (found && found.size > 0) return found;
  }
  return demanded ? null : new Collector().collect(value);
}

/** Gathers tensors under dotted names. */
class Collector {
  readonly #tensors = new Map<string, TensorRef>();
  #visits = 0;

  collect(value: PickleValue): Map<string, TensorRef> {
    this.#visit(value, '', 0);
    return this.#tensors;
  }

  #visit(value: PickleValue, name: string, depth: number): void {
    if (++this.#visits > MAX_VISITS || depth > MAX_DEPTH)
      throw new ModelFormatError('bad PyTorch file: its modules are nested without end', { format: 'pytorch' });
    if (value instanceof TensorRef) {
      this.#tensors.set(name, value);
      return;
    }
    for (const [part, inner] of children(value)) {
      if (isInteresting(inner)) this.#visit(inner, name === '' ? part : `${name}.${part}`, depth + 1);
    }
  }
}

function isInteresting(value: PickleValue): boolean {
  return value instanceof TensorRef || value instanceof Instance || value instanceof Map;
}

/** What a module contains by name: its parameters, buffers and submodules; a dict's entries else. */
function children(value: PickleValue): (readonly [string, PickleValue])[] {
  const entries = entriesOf(value);
  if (!(value instanceof Instance)) return entries;
  const parts = ['_parameters', '_buffers', '_modules'];
  const groups = entries.filter(([name]) => parts.includes(name));
  return groups.length > 0 ? groups.flatMap(([, group]) => entriesOf(group)) : entries;
}

function entriesOf(value: PickleValue): [string, PickleValue][] {
  if (value instanceof Map) return textKeys(value);
  if (!(value instanceof Instance)) return [];
  // Objects with slots save (dict, slots).
  const state = Array.isArray(value.state) ? value.state[0] : value.state;
  return [...textKeys(value.entries), ...(state instanceof Map ? textKeys(state) : [])];
}

function textKeys(dict: PickleDict): [string, PickleValue][] {
  return [...dict].filter((entry): entry is [string, PickleValue] => typeof entry[0] === 'string');
}
