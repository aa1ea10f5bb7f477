/** Compares the tensors found with the table that a config demands; all differences in one error. No bytes. */
import { ModelShapeError } from '../core/errors.js';
import type { DenseNetConfig } from './config.js';
import { type ExpectedTensor, expectedTensors, type Shape } from './tensors.js';

/** Items of each list that the message spells out; the error's `problems` hold them all. */
const SPELT_OUT = 12;

interface Reading {
  readonly scheme?: string;
  readonly sources?: ReadonlyMap<string, string>;
}

/** Whether the tensors are those of the table, none missing, left over or mis-shaped. */
export function fits(shapes: ReadonlyMap<string, Shape>, config: DenseNetConfig): boolean {
  const table = expectedTensors(config);
  const isRight = (shape: Shape, name: string) => isSame(shape, table.get(name)?.shape);
  const isThere = ([name, { optional }]: [string, ExpectedTensor]) => optional || shapes.has(name);
  return [...shapes].every(([name, shape]) => isRight(shape, name)) && [...table].every(isThere);
}

/** Sides of zero are no shape of a tensor. */
const isSame = (found: Shape, expected: Shape | undefined): boolean =>
  found.length === expected?.length && found.every((side, axis) => side !== 0 && side === expected[axis]);

/** @throws ModelShapeError when anything is missing, left over or mis-shaped */
export function checkShapes(shapes: ReadonlyMap<string, Shape>, config: DenseNetConfig, reading: Reading = {}): void {
  const table = expectedTensors(config);
  const missing: string[] = [];
  const misshaped: { name: string; expected: string; found: string }[] = [];
  for (const [name, { shape, optional }] of table) {
    const found = shapes.get(name);
    if (!found) {
      if (!optional) missing.push(name);
    } else if (!isSame(found, shape)) {
      misshaped.push({ name, expected: `[${shape.map((side) => side || 'above 0')}]`, found: `[${found}]` });
    }
  }
  const inFile = (name: string) => reading.sources?.get(name) ?? name;
  const extra = [...shapes.keys()].filter((name) => !table.has(name)).map(inFile);
  if (missing.length + extra.length + misshaped.length === 0) return;
  const parts = [
    list('missing', missing),
    list('left over', extra),
    list(
      'mis-shaped',
      misshaped.map(({ name, expected, found }) => `${inFile(name)} is ${found}, expected ${expected}`),
    ),
  ].filter((part) => part !== '');
  const read = reading.scheme === undefined ? '' : ` (its names read best as "${reading.scheme}")`;
  throw new ModelShapeError(`the tensors do not make a DenseNet${read}: ${parts.join('; ')}`, {
    missing,
    extra,
    misshaped,
  });
}

function list(what: string, items: readonly string[]): string {
  if (items.length === 0) return '';
  const more = items.length > SPELT_OUT ? ` and ${items.length - SPELT_OUT} more` : '';
  return `${items.length} ${what}: ${items.slice(0, SPELT_OUT).join(', ')}${more}`;
}
