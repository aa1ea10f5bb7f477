/**
 * Nodes whose result does not depend on the picture: weights behind an `Identity`, `Cast` or `Unsqueeze`,
 * `ConstantOfShape` weights, and the arithmetic on shapes that exporters put before a `Reshape` or a `Pad`.
 */
import { elementCount, floatTensor, toFloat32, toHalves } from '../../weights/tensor.js';
import type { Constant, Floats, Ints } from './constant.js';
import { misfit, type Node } from './node.js';
import { broadcast, shapeOf, take, transpose, withShape } from './rearrange.js';

type Inputs = readonly (Constant | null)[];

/** Elements that one file's nodes may make, in all: twice the weights of DenseNet-264. Moving takes longer, and counts more. */
const MOST_ELEMENTS = 2 ** 26;
/** Shapes, axes and pads are short lists. */
const MOST_INTS = 4096;

export class Evaluator {
  #elementsLeft = MOST_ELEMENTS;

  /**
   * @param inputs `null` where an optional one is left out
   * @throws ModelShapeError naming the node whose operator or inputs are not known here
   */
  evaluate(node: Node, inputs: Inputs): Constant {
    const [first, second] = inputs;
    switch (node.op) {
      case 'Expand':
        return this.#fill(node, required(node, first), wholeNumbers(node, second));
      case 'ConstantOfShape':
        return this.#fill(node, scalar(node, node.tensor('value') ?? floats([1], [0])), wholeNumbers(node, first));
      case 'Cast':
      case 'Transpose':
        this.#spend(node, [2, ...(first ? shapeOf(first) : [])]);
    }
    const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
    if (!rule) throw misfit(node, 'it computes a constant in a way that is not known here');
    return rule(node, inputs);
  }

  /** Repeats a value as NumPy broadcasts. */
  #fill(node: Node, value: Constant, target: readonly number[]): Constant {
    const source = shapeOf(value);
    const added = target.length - source.length;
    const shape = target.map((length, axis) => (length === 1 ? (source[axis - added] ?? 1) : length));
    const fits = added >= 0 && source.every((length, axis) => length === 1 || length === shape[axis + added]);
    if (!fits || shape.some((length) => length < 0)) throw misfit(node, `[${source}] cannot become [${target}]`);
    this.#spend(node, shape);
    return broadcast(value, shape);
  }

  /** Keeps small files from asking for much memory, or for much work. */
  #spend(node: Node, shape: readonly number[]): void {
    this.#elementsLeft -= elementCount(shape);
    if (!(this.#elementsLeft >= 0))
      throw misfit(node, 'it and the constants before it have more values than any DenseNet');
  }
}

const RULES: Readonly<Record<string, (node: Node, inputs: Inputs) => Constant>> = {
  Constant: constant,
  Identity: (node, [x]) => required(node, x),
  Dropout: (node, [x]) => required(node, x),
  CastLike: (node, [x]) => required(node, x),
  Cast: (node, [x]) => cast(node, required(node, x)),
  Shape: (node, [x]) => dimensions(node, shapeOf(required(node, x))),
  Reshape: (node, [x, target]) => reshape(node, required(node, x), reshapeTarget(node, target)),
  Flatten: (node, [x]) => flatten(node, required(node, x)),
  Squeeze: (node, [x, axes]) => squeeze(node, required(node, x), axesOf(node, axes)),
  Unsqueeze: (node, [x, axes]) => unsqueeze(node, required(node, x), axesOf(node, axes) ?? []),
  Transpose: (node, [x]) => permute(node, required(node, x)),
  Concat: concatenate,
  Gather: gather,
  Slice: slice,
  Mul: (node, [a, b]) => calculate(node, a, b, (x, y) => x * y),
  Add: (node, [a, b]) => calculate(node, a, b, (x, y) => x + y),
  Sub: (node, [a, b]) => calculate(node, a, b, (x, y) => x - y),
};

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

export function wholeNumbers(node: Node, input: Constant | null | undefined): readonly number[] {
  return asInts(node, input).values.map((value) => {
    if (value === null) throw misfit(node, 'it depends on a size that only running the graph would tell');
    return value;
  });
}

function asInts(node: Node, input: Constant | null | undefined): Ints {
  if (input?.kind === 'ints') return input;
  throw misfit(node, 'expected whole numbers among its inputs');
}

function required(node: Node, input: Constant | null | undefined): Constant {
  if (input) return input;
  throw misfit(node, 'it lacks an input');
}

function scalar(node: Node, value: Constant): Constant {
  if (elementCount(shapeOf(value)) === 1) return withShape(value, []);
  throw misfit(node, `its value has the shape [${shapeOf(value)}], expected one number`);
}

function floats(shape: readonly number[], values: readonly number[]): Floats {
  return { kind: 'floats', tensor: floatTensor('', shape, Float32Array.from(values)) };
}

function constant(node: Node): Constant {
  const tensor = node.tensor('value');
  if (tensor) return tensor;
  const list = node.ints('value_ints');
  if (node.has('value_ints') && list) return { kind: 'ints', shape: [list.length], values: list };
  if (node.has('value_int')) return { kind: 'ints', shape: [], values: [node.int('value_int', 0)] };
  if (node.has('value_float')) return floats([], [node.float('value_float', 0)]);
  const values = node.floats('value_floats');
  if (values) return floats([values.length], values);
  throw misfit(node, 'its value is neither numbers nor a tensor');
}

const FLOAT = 1;
const FLOAT16 = 10;

/** Between floating-point types, rounding as the graph would; whole numbers stay what they are unless they become f32. */
function cast(node: Node, x: Constant): Constant {
  // A name before opset 6.
  const to = node.text('to', '') === 'FLOAT' ? FLOAT : node.int('to', FLOAT);
  if (x.kind === 'ints') return to === FLOAT ? floats(x.shape, wholeNumbers(node, x)) : x;
  const { name, shape } = x.tensor;
  if (to === FLOAT) return { kind: 'floats', tensor: floatTensor(name, shape, toFloat32(x.tensor)) };
  if (to !== FLOAT16) return x;
  const halves = toHalves(name, toFloat32(x.tensor));
  return { kind: 'floats', tensor: { name, shape, dtype: 'F16', bytes: new Uint8Array(halves.buffer) } };
}

function reshape(node: Node, x: Constant, target: readonly (number | null)[]): Constant {
  const source = shapeOf(x);
  const shape = target.map((length, axis) => (length === 0 ? (source[axis] ?? 0) : (length ?? -1)));
  const rest = elementCount(shape.filter((length) => length !== -1));
  const filled = shape.map((length) => (length === -1 ? elementCount(source) / rest : length));
  if (elementCount(filled) === elementCount(source) && filled.every(Number.isInteger)) return withShape(x, filled);
  throw misfit(node, `[${source}] cannot become [${target}]`);
}

function flatten(node: Node, x: Constant): Constant {
  const shape = shapeOf(x);
  const axis = axisOf(node, 1, shape.length + 1);
  return withShape(x, [elementCount(shape.slice(0, axis)), elementCount(shape.slice(axis))]);
}

function squeeze(node: Node, x: Constant, axes: readonly number[] | null): Constant {
  const shape = shapeOf(x);
  const dropped = axes?.map((axis) => normal(node, axis, shape.length));
  const isDropped = (axis: number) => (dropped ? dropped.includes(axis) : shape[axis] === 1);
  if (dropped?.some((axis) => shape[axis] !== 1)) throw misfit(node, `[${shape}] is not 1 long along axes ${axes}`);
  return withShape(
    x,
    shape.filter((_, axis) => !isDropped(axis)),
  );
}

function unsqueeze(node: Node, x: Constant, axes: readonly number[]): Constant {
  const source = shapeOf(x);
  const rank = source.length + axes.length;
  const added = axes.map((axis) => normal(node, axis, rank));
  let next = 0;
  return withShape(
    x,
    Array.from({ length: rank }, (_, axis) => (added.includes(axis) ? 1 : (source[next++] ?? 1))),
  );
}

function permute(node: Node, x: Constant): Constant {
  const axes = [...shapeOf(x).keys()];
  const order = node.ints('perm') ?? axes.reverse();
  if ([...order].sort((a, b) => a - b).some((axis, i) => axis !== i) || order.length !== axes.length)
    throw misfit(node, `${order} is no order of ${axes.length} axes`);
  return transpose(x, order);
}

function concatenate(node: Node, inputs: Inputs): Constant {
  const lists = inputs.map((input) => asInts(node, input));
  if (lists.some(({ shape }) => shape.length !== 1)) throw misfit(node, 'it joins constants that are no lists');
  const values = lists.flatMap((list) => list.values);
  return short(node, { kind: 'ints', shape: [values.length], values });
}

function gather(node: Node, [input, where]: Inputs): Constant {
  const x = asInts(node, input);
  const indices = asInts(node, where);
  const axis = axisOf(node, 0, x.shape.length);
  const length = x.shape[axis] ?? 0;
  if (indices.shape.length > 1) throw misfit(node, 'it takes a table of indices');
  short(node, indices, elementCount(x.shape));
  const from = wholeNumbers(node, indices).map((index) => normal(node, index, length));
  const taken = take(x, axis, from);
  return indices.shape.length === 0 ? squeeze(node, taken, [axis]) : taken;
}

function short(node: Node, list: Ints, times = 1): Ints {
  if (list.values.length * times <= MOST_INTS) return list;
  throw misfit(node, 'it makes more whole numbers than any shape has');
}

function slice(node: Node, [input, starts, ends, axes, steps]: Inputs): Constant {
  let x: Constant = asInts(node, input);
  const list = (attribute: string, given: Constant | null | undefined) =>
    node.ints(attribute) ?? (given ? wholeNumbers(node, given) : null);
  const from = list('starts', starts) ?? [];
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
function calculate(
  node: Node,
  left: Constant | null | undefined,
  right: Constant | null | undefined,
  operation: (a: number, b: number) => number,
): Constant {
  const [a, b] = [asInts(node, left), asInts(node, right)];
  const longer = a.values.length >= b.values.length ? a : b;
  if ([a, b].some(({ values }) => values.length !== longer.values.length && values.length !== 1))
    throw misfit(node, `[${a.shape}] and [${b.shape}] differ`);
  const at = ({ values }: Ints, i: number) => values[values.length === 1 ? 0 : i] ?? null;
  const values = longer.values.map((_, i) => {
    const [x, y] = [at(a, i), at(b, i)];
    return x === null || y === null ? null : operation(x, y);
  });
  return { ...longer, values };
}

function axisOf(node: Node, otherwise: number, rank: number): number {
  return normal(node, node.int('axis', otherwise), rank);
}

/** Negative indices count from the end. */
function normal(node: Node, index: number, length: number): number {
  const counted = index < 0 ? index + length : index;
  if (counted >= 0 && counted < length) return counted;
  throw misfit(node, `${index} is outside of ${length}`);
}
