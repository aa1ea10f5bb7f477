/**
 * What keeps a checkpoint from being a DenseNet, in the file's own words: every tensor that is missing, left over or
 * mis-shaped, the nearest names, and what kind of network it is where that can be told.
 */
import { ModelShapeError } from '../core/errors.js';
import type { TensorMap } from '../tensor/tensor.js';
import { canonicalise } from '../weights/canonicalise.js';
import { otherNetwork } from './checkpoint-key.js';
import { shorten } from './format-error.js';
import { knownUnsupported } from './known-unsupported.js';
import { nearestName } from './nearest-name.js';
import { moduleOf, SCHEME_SOURCES, sourceNames } from './source-names.js';

/** Names that each list is made of, and modules that it spells out. */
const MOST_ITEMS = 1000;
const MOST_SPELT = 20;
const LONGEST_NAME = 200;
/** A nearest name is looked for so many times; it is the first few that people read. */
const MOST_LOOKUPS = 24;

/** @returns the same problems with a message that lists them all and says what to make of them */
export function describeMismatch(error: ModelShapeError, tensors: TensorMap): ModelShapeError {
  const unsupported = knownUnsupported(error.problems, [...tensors.keys()]);
  const { missing, extra, misshaped } = error.problems;
  const other = missing.length + misshaped.length === 0 ? otherNetwork(extra) : null;
  const choice = other === null ? [] : [`"${other}" seems to be another network: take one of them with --key`];
  const message = [listing(error, tensors) ?? error.message, ...unsupported, ...choice].join('. ');
  return new ModelShapeError(message, error.problems);
}

/** `null` where the error says it all: names that no scheme knows, a tensor claimed twice, one tensor left over. */
function listing({ problems }: ModelShapeError, tensors: TensorMap): string | null {
  const { missing, extra, misshaped } = problems;
  const reading = readingOf(tensors);
  if (!reading || (missing.length + misshaped.length === 0 && extra.length === 1)) return null;
  const spell = sourceNames(reading.scheme, reading.sources);
  const inFile = ({ name, expected, found }: (typeof misshaped)[number]) =>
    `${reading.sources.get(name) ?? name} is ${found}, expected ${expected}`;
  const parts = [
    list('missing', missing, (some) => byModule(some.map(spell)).map(withNearest(extra))),
    list('left over', extra, byModule),
    list('mis-shaped', misshaped, (some) => some.map(inFile)),
  ].filter((part) => part !== '');
  const from = SCHEME_SOURCES.get(reading.scheme) ?? '';
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

function list<T>(what: string, all: readonly T[], spell: (some: readonly T[]) => readonly string[]): string {
  if (all.length === 0) return '';
  const items = spell(all.slice(0, MOST_ITEMS));
  const rest = items.length > MOST_SPELT || all.length > MOST_ITEMS ? ', and more' : '';
  const some = items.slice(0, MOST_SPELT).map((item) => shorten(item, LONGEST_NAME));
  return `${all.length} ${what}: ${some.join(', ')}${rest}`;
}

/** `bn1.weight`, `bn1.bias` → `bn1.{weight, bias}`, in order of first appearance; names without a dot stay alone. */
function byModule(names: readonly string[]): string[] {
  const leaves = new Map<string, string[]>();
  for (const name of names) {
    const module = moduleOf(name);
    const leaf = name.slice(module.length);
    const known = module === '' ? undefined : leaves.get(module);
    if (known) known.push(leaf.slice(1));
    else leaves.set(module || name, module === '' ? [] : [leaf.slice(1)]);
  }
  return [...leaves].map(([module, [first, ...rest]]) => {
    if (first === undefined) return module;
    return rest.length === 0 ? `${module}.${first}` : `${module}.{${[first, ...rest].join(', ')}}`;
  });
}

function withNearest(extra: readonly string[]): (name: string, index: number) => string {
  const candidates = byModule(extra.slice(0, MOST_ITEMS));
  return (name, index) => {
    const near = index < MOST_LOOKUPS ? nearestName(name, candidates) : null;
    return near === null ? name : `${name} (nearest in the file: ${near})`;
  };
}
