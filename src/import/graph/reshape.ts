/** The operators that give a constant another shape or another order of axes. */
import { elementCount } from '../../tensor/tensor.js';
import type { Constant } from './constant.js';
import { type Node, unsupportedNode } from './node.js';
import { shapeOf, transpose, withShape } from './rearrange.js';

export function reshape(node: Node, x: Constant, target: readonly (number | null)[]): Constant {
  const source = shapeOf(x);
  const shape = target.map((length, axis) => (length === 0 ? (source[axis] ?? 0) : (length ?? -1)));
  const rest = elementCount(shape.filter((length) => length !== -1));
  const filled = shape.map((length) => (length === -1 ? elementCount(source) / rest : length));
  if (elementCount(filled) === elementCount(source) && filled.every(Number.isInteger)) return withShape(x, filled);
  throw unsupportedNode(node, `[${source}] cannot become [${target}]`);
}

export function flatten(node: Node, x: Constant): Constant {
  const shape = shapeOf(x);
  const axis = axisOf(node, 1, shape.length + 1);
  return withShape(x, [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]);
}

export function squeeze(node: Node, x: Constant, axes: readonly number[] | null): Constant {
  const shape = shapeOf(x);
  const dropped = axes?.map((axis) => normal(node, axis, shape.length));
  const isDropped = (axis: number) => (dropped ? dropped.includes(axis) : shape[axis] === 1);
  if (dropped?.some((axis) => shape[axis] !== 1))
    throw unsupportedNode(node, `[${shape}] is not 1 long along axes ${axes}`);
  return withShape(
    x,
    shape.filter((_, axis) => !isDropped(axis)),
  );
}

export function unsqueeze(node: Node, x: Constant, axes: readonly number[]): Constant {
  const source = shapeOf(x);
  const rank = source.length + axes.length;
  const added = axes.map((axis) => normal(node, axis, rank));
  let next = 0;
  return withShape(
    x,
    Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (source[next++] ?? 1))),
  );
}

export function permute(node: Node, x: Constant): Constant {
  const axes = [...shapeOf(x).keys()];
  const order = node.ints('perm') ?? axes.reverse();
  if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== axes.length)
    throw unsupportedNode(node, `${order} is no order of ${axes.length} axes`);
  return transpose(x, order);
}

export function axisOf(node: Node, otherwise: number, rank: number): number {
  return normal(node, node.int('axis', otherwise), rank);
}

/** Negative indices count from the end. */
export function normal(node: Node, index: number, length: number): number {
  const counted = index < 0 ? index + length : index;
  if (counted >= 0 && counted < length) return counted;
  throw unsupportedNode(node, `${index} is outside of ${length}`);
}
