/**
 * What keeps a checkpoint from being a DenseNet, in the file's own words: every tensor that is missing, left over or
 * mis-shaped, the nearest names, and what kind of network it is where that can be told.
 */
import { ModelShapeError } from '../errors.js';
import { canonicalise } from '../weights/canonicalise.js';
import { SCHEMES } from '../weights/schemes.js';
import type { TensorMap } from '../weights/tensor.js';
import { nearestName } from './nearest-name.js';
import { moduleOf, spelling } from './spelling.js';
import { strangersIn } from './strangers.js';

/** Lines of each list; a file of a hundred thousand tensors still gets a message that can be read. */
const MOST_ITEMS = 200;
/** A nearest name is looked for so many times; it is the first few that people read. */
const MOST_LOOKUPS = 24;

/** @returns the same problems with a message that lists them all and says what to make of them */
export function explainMisfit(error: ModelShapeError, tensors: TensorMap): ModelShapeError {
  const strangers = strangersIn(error.problems, [...tensors.keys()]);
  const message = [listing(error, tensors) ?? error.message, ...strangers].join('. ');
  return new ModelShapeError(message, error.problems);
}

/** `null` where the error says it all: names that no scheme knows, a tensor claimed twice, one tensor left over. */
function listing({ problems }: ModelShapeError, tensors: TensorMap): string | null {
  const { missing, extra, misshaped } = problems;
  const reading = readingOf(tensors);
  if (!reading || (missing.length + misshaped.length === 0 && extra.length === 1)) return null;
  const spell = spelling(reading.scheme, reading.sources);
  const parts = [
    list('missing', missing.length, byModule(missing.map(spell)).map(withNearest(extra))),
    list('left over', extra.length, byModule(extra)),
    list(
      'mis-shaped',
      misshaped.length,
      misshaped.map(
        ({ name, expected, found }) => `${reading.sources.get(name) ?? name} is ${found}, expected ${expected}`,
      ),
    ),
  ].filter((part) => part !== '');
  const from = SCHEMES.find(({ name }) => name === reading.scheme)?.from ?? '';
  return `the tensors do not make a DenseNet (its names read best as "${reading.scheme}": ${from}): ${parts.join('; ')}`;
}

/** `null` when no scheme fits, or two tensors claim one place. */
function readingOf(tensors: TensorMap): ReturnType<typeof canonicalise> | null {
  try {
    return canonicalise(tensors);
  } catch {
    return null;
  }
}

function list(what: string, count: number, items: readonly string[]): string {
  if (count === 0) return '';
  const more = items.length > MOST_ITEMS ? ` and ${items.length - MOST_ITEMS} more` : '';
  return `${count} ${what}: ${items.slice(0, MOST_ITEMS).join(', ')}${more}`;
}

/** `bn1.weight`, `bn1.bias` → `bn1.{weight, bias}`, in order of first appearance. */
function byModule(names: readonly string[]): string[] {
  const leaves = new Map<string, string[]>();
  for (const name of names) {
    const module = moduleOf(name);
    const known = leaves.get(module);
    if (known) known.push(name.slice(module.length + 1));
    else leaves.set(module, [name.slice(module === '' ? 0 : module.length + 1)]);
  }
  return [...leaves].map(([module, [first = '', ...rest]]) => {
    const inside = rest.length === 0 ? first : `{${[first, ...rest].join(', ')}}`;
    return module === '' ? inside : `${module}.${inside}`;
  });
}

function withNearest(extra: readonly string[]): (name: string, index: number) => string {
  const candidates = byModule(extra);
  return (name, index) => {
    const near = index < MOST_LOOKUPS ? nearestName(name, candidates) : null;
    return near === null ? name : `${name} (nearest in the file: ${near})`;
  };
}
