/**
 * Finds the network's tensors in what a checkpoint holds: a state dict, one nested under a key, or a whole module whose
 * parameters, buffers and submodules are collected from its saved state without running its class.
 */
import { ModelFormatError } from '../../core/errors.js';
import type { Budget } from '../budget.js';
import { entriesUnder } from '../checkpoint-key.js';
import { formatError } from '../format-error.js';
import type { Module } from './modules.js';
import { Instance, type PickleDict, type PickleValue, TensorRef } from './values.js';

export interface FoundNetwork {
  readonly tensors: ReadonlyMap<string, TensorRef>;
  /** Empty for a state dict. */
  readonly modules: readonly Module[];
}

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
const MAX_DEPTH = 32;
/** A checkpoint of a trainer of a wrapper: keys within keys so often. */
const MAX_NESTED_KEYS = 4;

/**
 * @param key take the dict under this key, or the names that begin so, where a file holds several networks
 * @returns name → tensor, and the modules that hold them, in the file's order
 * @throws ModelFormatError when there are no named tensors, saying what is there
 */
export function findStateDict(root: PickleValue, budget: Budget, key?: string): FoundNetwork {
  const found = new Search(budget).find(root, key);
  if (found.tensors.size > 0) return found;
  const inside = entriesOf(root).map(([name]) => name);
  const what = inside.length > 0 ? `its keys are ${inside.slice(0, 12).join(', ')}` : 'it is no dict and no module';
  const where = key === undefined ? '' : ` under "${key}"`;
  throw new ModelFormatError(`the PyTorch file holds no named tensors${where}: ${what}`, { format: 'pytorch' });
}

/** Every tensor of a module, by the names of its attributes. @throws ModelFormatError when there are none */
export function collectAll(root: PickleValue, budget: Budget): FoundNetwork {
  const found = new Search(budget).collect(root);
  return found.tensors.size > 0 ? found : findStateDict(root, budget);
}

/** One walk through a checkpoint, its visits counted over all the places that are tried. */
class Search {
  constructor(private readonly budget: Budget) {}

  find(root: PickleValue, key?: string): FoundNetwork {
    if (key === undefined) return this.#within(root, 0);
    const nested = this.#under(root, [key], 0);
    if (nested.tensors.size > 0) return nested;
    const { tensors, modules } = this.#within(root, 0);
    const inside = modules.filter(({ path }) => path === key || path.startsWith(`${key}.`));
    return { tensors: entriesUnder(tensors, key), modules: inside };
  }

  /** The dict under one of the usual keys, however deep; else all that is here. */
  #within(value: PickleValue, depth: number): FoundNetwork {
    const inner = depth < MAX_NESTED_KEYS ? this.#under(value, [...KEYS, ...EMA_KEYS], depth) : NONE;
    return inner.tensors.size > 0 ? inner : this.collect(value);
  }

  #under(value: PickleValue, keys: readonly string[], depth: number): FoundNetwork {
    this.budget.entries(sizeOf(value));
    const entries = new Map(entriesOf(value));
    for (const key of keys) {
      const inner = entries.get(key);
      if (!(inner instanceof Map || inner instanceof Instance)) continue;
      const found = this.#within(inner, depth + 1);
      if (found.tensors.size > 0) return found;
    }
    return NONE;
  }

  /** Gathers tensors under dotted names. */
  collect(value: PickleValue): FoundNetwork {
    const tensors = new Map<string, TensorRef>();
    const modules: Module[] = [];
    const visit = (part: PickleValue, name: string, depth: number): void => {
      if (part instanceof TensorRef) {
        tensors.set(name, part);
        return;
      }
      if (depth > MAX_DEPTH) throw formatError('pytorch')('its modules are nested without end');
      this.budget.entries(1 + sizeOf(part));
      const inside = children(part);
      const module = moduleOf(part, name);
      if (module) modules.push(module);
      for (const [own, inner] of inside) {
        if (isInteresting(inner)) visit(inner, name === '' ? own : `${name}.${own}`, depth + 1);
      }
    };
    visit(value, '', 0);
    return { tensors, modules };
  }
}

const NONE: FoundNetwork = { tensors: new Map(), modules: [] };

/** Entries that are looked at for it, of whatever keys. */
function sizeOf(value: PickleValue): number {
  if (value instanceof Map) return value.size;
  if (!(value instanceof Instance)) return 0;
  const state = Array.isArray(value.state) ? value.state[0] : value.state;
  const parts = state instanceof Map ? [...state.values()] : [];
  return parts.reduce<number>((sum, part) => sum + (part instanceof Map ? part.size : 1), value.entries.size);
}

/** An object with submodules, or with a place for them, by its saved attributes. */
function moduleOf(value: PickleValue, path: string): Module | null {
  if (!(value instanceof Instance)) return null;
  const attributes = new Map(entriesOf(value));
  const inside = attributes.get('_modules');
  if (!(inside instanceof Map)) return null;
  return { path, type: value.type.path, attributes, isLeaf: inside.size === 0 };
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
