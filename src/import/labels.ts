/** Class names as people keep them: one per line, JSON lists, Keras' class_indices.json, Hugging Face's id2label. */
import { ModelFormatError } from '../core/errors.js';

/**
 * @param text of a label file, with or without a byte order mark
 * @param classes that the network has: empty lines at the end count as names up to here
 * @throws ModelFormatError when it is none of the forms, or an index is missing or there twice
 */
export function parseLabels(text: string, classes: number, name: string): readonly string[] {
  const bare = text.replace(/^\uFEFF/, '');
  const json = /^\s*[[{]/.test(bare) ? parse(bare) : undefined;
  if (json !== undefined) return fromJson(json, name);
  const lines = bare.split(/\r?\n/);
  while (lines.length > classes && lines.at(-1) === '') lines.pop();
  // A file that ends in a line break has one empty line less than it has names.
  return lines.length < classes && lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** `undefined` for text that only looks like JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fromJson(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value)) {
    const names = value.filter((label) => typeof label === 'string');
    if (names.length === value.length) return names;
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    const inside = entries.find(([key]) => key === 'id2label');
    if (inside) return fromJson(inside[1], name);
    const byIndex = entries.flatMap(([key, label]) => (typeof label === 'string' ? [[key, label] as const] : []));
    const byName = entries.flatMap(([label, key]) => (typeof key === 'number' ? [[String(key), label] as const] : []));
    const pairs = byIndex.length === entries.length ? byIndex : byName.length === entries.length ? byName : [];
    if (pairs.length > 0) return inOrder(new Map(pairs), pairs.length, name);
  }
  throw labelError(`${name} must hold one name per line, a JSON list of names, {"0": name, …} or {name: 0, …}`);
}

function inOrder(names: ReadonlyMap<string, string>, count: number, name: string): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const label = names.get(String(index));
    if (label === undefined) throw labelError(`${name} has ${count} names, but none has index ${index}`);
    return label;
  });
}

const labelError = (message: string) => new ModelFormatError(message, { format: 'labels' });
