/**
 * Compares the tensors found with the table that a config demands; all differences in one error that helps to see
 * what the file really is. No bytes.
 */
import { ModelShapeError } from '../errors.js';
import type { DenseNetConfig } from './config.js';
import { expectedTensors, type Shape } from './tensors.js';

/** Items of each list that the message spells out; the error's `problems` hold them all. */
const SPELT_OUT = 12;

interface Reading {
  readonly scheme?: string;
  readonly sources?: ReadonlyMap<string, string>;
}

/** @throws ModelShapeError when anything is missing, left over or mis-shaped */
export function checkShapes(shapes: ReadonlyMap<string, Shape>, config: DenseNetConfig, reading: Reading = {}): void {
  const table = expectedTensors(config);
  const missing: string[] = [];
  const misshaped: { name: string; expected: string; found: string }[] = [];
  for (const [name, { shape, optional }] of table) {
    const found = shapes.get(name);
    if (!found) {
      if (!optional) missing.push(name);
    } else if (found.length !== shape.length || found.some((dimension, axis) => dimension !== shape[axis])) {
      misshaped.push({ name, expected: `[${shape}]`, found: `[${found}]` });
    }
  }
  const inFile = (name: string) => reading.sources?.get(name) ?? name;
  const extra = [...shapes.keys()].filter((name) => !table.has(name)).map(inFile);
  if (missing.length + extra.length + misshaped.length === 0) return;
  const nearest = (name: string) => {
    const near = nearestName(name, extra);
    return near === null ? name : `${name} (nearest in the file: ${near})`;
  };
  const parts = [
    list('missing', missing.slice(0, SPELT_OUT).map(nearest), missing.length),
    list('left over', extra, extra.length),
    list(
      'mis-shaped',
      misshaped.map(({ name, expected, found }) => `${inFile(name)} is ${found}, expected ${expected}`),
      misshaped.length,
    ),
  ].filter((part) => part !== '');
  const read = reading.scheme === undefined ? '' : ` (its names read best as "${reading.scheme}")`;
  throw new ModelShapeError(`the tensors do not make a DenseNet${read}: ${parts.join('; ')}`, {
    missing,
    extra,
    misshaped,
  });
}

function list(what: string, items: readonly string[], count: number): string {
  if (count === 0) return '';
  const more = count > SPELT_OUT ? ` and ${count - SPELT_OUT} more` : '';
  return `${count} ${what}: ${items.slice(0, SPELT_OUT).join(', ')}${more}`;
}

/** The candidate with the smallest edit distance, if that is at most a third of the name. */
function nearestName(name: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.floor(name.length / 3);
  for (const candidate of candidates.slice(0, 200)) {
    if (Math.abs(candidate.length - name.length) > least) continue;
    const distance = editDistance(name, candidate);
    if (distance <= least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substituted, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
