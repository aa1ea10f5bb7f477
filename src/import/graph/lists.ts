/** Short lists of whole numbers, axes, pads and shapes, and the arithmetic that exporters leave on them. */
import { elementCount } from '../../tensor/tensor.js';
import type { Constant, Ints } from './constant.js';
import { type Node, unsupportedNode } from './node.js';
import { asInts, type Operands, wholeNumbers } from './operands.js';
import { shapeOf, take } from './rearrange.js';
import { axisOf, normal, squeeze } from './reshape.js';

/** Longer than any. */
const MOST_INTS = 4096;

/** What `Shape` gives, of which some dimensions may be unknown. */
export function dimensions(node: Node, shape: readonly (number | null)[]): Ints {
  const values = shape.slice(node.int('start', 0), node.has('end') ? node.int('end', 0) : undefined);
  return { kind: 'ints', shape: [values.length], values };
}

/** An attribute or, since opset 13 (18 for reductions), an input; `null` when neither is there. */
export function axesOf(node: Node, input: Constant | null | undefined): readonly number[] | null {
  return node.ints('axes') ?? (input ? wholeNumbers(node, input) : null);
}

/** An input or, before opset 5, an attribute. */
export function reshapeTarget(node: Node, input: Constant | null | undefined): readonly (number | null)[] {
  return node.ints('shape') ?? asInts(node, input).values;
}

export function concatenate(node: Node, inputs: Operands): Constant {
  const lists = inputs.map((input) => asInts(node, input));
  if (lists.some(({ shape }) => shape.length !== 1))
    throw unsupportedNode(node, 'it joins constants that are no lists');
  const values = lists.flatMap((list) => list.values);
  return short(node, { kind: 'ints', shape: [values.length], values });
}

export function gather(node: Node, [input, where]: Operands): Constant {
  const x = asInts(node, input);
  const indices = asInts(node, where);
  const axis = axisOf(node, 0, x.shape.length);
  const length = x.shape[axis] ?? 0;
  if (indices.shape.length > 1) throw unsupportedNode(node, 'it takes a table of indices');
  short(node, indices, elementCount(x.shape));
  const from = wholeNumbers(node, indices).map((index) => normal(node, index, length));
  const taken = take(x, axis, from);
  return indices.shape.length === 0 ? squeeze(node, taken, [axis]) : taken;
}

function short(node: Node, list: Ints, times = 1): Ints {
  if (list.values.length * times <= MOST_INTS) return list;
  throw unsupportedNode(node, 'it makes more whole numbers than any shape has');
}

export function slice(node: Node, [input, starts, ends, axes, steps]: Operands): Constant {
  let x: Constant = asInts(node, input);
  const list = (attribute: string, given: Constant | null | undefined) =>
    node.ints(attribute) ?? (given ? wholeNumbers(node, given) : null);
  const from = list('starts', starts) ?? [];
  if (from.length > shapeOf(x).length)
    throw unsupportedNode(node, `it slices ${from.length} axes of ${shapeOf(x).length}`);
  const to = list('ends', ends) ?? [];
  const along = list('axes', axes) ?? [...from.keys()];
  const by = list('steps', steps);
  for (const [i, start] of from.entries()) {
    const axis = normal(node, along[i] ?? 0, shapeOf(x).length);
    x = take(x, axis, range(shapeOf(x)[axis] ?? 0, start, to[i] ?? 0, by?.[i] ?? 1));
  }
  return x;
}

/** The indices that NumPy's `start:end:step` takes of `length`. */
function range(length: number, start: number, end: number, step: number): number[] {
  const [least, most] = step > 0 ? [0, length] : [-1, length - 1];
  const bound = (index: number) => Math.min(most, Math.max(least, index < 0 ? index + length : index));
  const indices: number[] = [];
  const last = bound(end);
  for (let i = bound(start); step > 0 ? i < last : step < 0 && i > last; i += step) indices.push(i);
  return indices;
}

/** Whole numbers of one shape, or one number with any. */
export function calculate(
  node: Node,
  left: Constant | null | undefined,
  right: Constant | null | undefined,
  operation: (a: number, b: number) => number,
): Constant {
  const [a, b] = [asInts(node, left), asInts(node, right)];
  const longer = a.values.length >= b.values.length ? a : b;
  if ([a, b].some(({ values }) => values.length !== longer.values.length && values.length !== 1))
    throw unsupportedNode(node, `[${a.shape}] and [${b.shape}] differ`);
  const at = ({ values }: Ints, i: number) => values[values.length === 1 ? 0 : i] ?? null;
  const values = longer.values.map((_, i) => {
    const [x, y] = [at(a, i), at(b, i)];
    return x === null || y === null ? null : operation(x, y);
  });
  return { ...longer, values };
}
