/**
 * Nodes whose result does not depend on the picture: weights behind an `Identity`, `Cast` or `Unsqueeze`,
 * `ConstantOfShape` weights, and the arithmetic on shapes that exporters put before a `Reshape` or a `Pad`.
 */
import { float32ToFloat16 } from '../../tensor/float16.js';
import { DTYPE_BYTES, elementCount, floatTensor, toFloat32 } from '../../tensor/tensor.js';
import type { Budget } from '../budget.js';
import type { Constant, Floats } from './constant.js';
import { axesOf, calculate, concatenate, dimensions, gather, reshapeTarget, slice } from './lists.js';
import { type Node, unsupportedNode } from './node.js';
import { type Operands, required, wholeNumbers } from './operands.js';
import { broadcast, shapeOf, withShape } from './rearrange.js';
import { flatten, permute, reshape, squeeze, unsqueeze } from './reshape.js';

export class Evaluator {
  constructor(private readonly budget: Budget) {}

  /**
   * @param inputs `null` where an optional one is left out
   * @throws ModelShapeError naming the node whose operator or inputs are not known here
   */
  evaluate(node: Node, inputs: Operands): Constant {
    const [first, second] = inputs;
    switch (node.op) {
      case 'Expand':
        return this.#fill(node, required(node, first), wholeNumbers(node, second));
      case 'ConstantOfShape':
        return this.#fill(node, scalar(node, node.tensor('value') ?? floats([1], [0])), wholeNumbers(node, first));
      case 'Cast':
      case 'Transpose':
        // Moving takes longer than filling.
        if (first) this.#spend([2, ...shapeOf(first)], first);
    }
    const rule = Object.hasOwn(RULES, node.op) ? RULES[node.op] : undefined;
    if (!rule) throw unsupportedNode(node, 'it computes a constant in a way that is not known here');
    return rule(node, inputs);
  }

  /** Repeats a value as NumPy broadcasts. */
  #fill(node: Node, value: Constant, target: readonly number[]): Constant {
    const source = shapeOf(value);
    const added = target.length - source.length;
    const shape = target.map((length, axis) => (length === 1 ? (source[axis - added] ?? 1) : length));
    const fits = added >= 0 && source.every((length, axis) => length === 1 || length === shape[axis + added]);
    if (!fits || shape.some((length) => length < 0))
      throw unsupportedNode(node, `[${source}] cannot become [${target}]`);
    this.#spend(shape, value);
    return broadcast(value, shape);
  }

  /** Values that a node makes, in all their bytes. */
  #spend(shape: readonly number[], x: Constant): void {
    const count = elementCount(shape);
    this.budget.steps(count);
    this.budget.bytes(count * (x.kind === 'floats' ? DTYPE_BYTES[x.tensor.dtype] : 8));
  }
}

const RULES: Readonly<Record<string, (node: Node, inputs: Operands) => Constant>> = {
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

function scalar(node: Node, value: Constant): Constant {
  if (elementCount(shapeOf(value)) === 1) return withShape(value, []);
  throw unsupportedNode(node, `its value has the shape [${shapeOf(value)}], expected one number`);
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
  throw unsupportedNode(node, 'its value is neither numbers nor a tensor');
}

const FLOAT = 1;
const FLOAT16 = 10;

/** Between floating-point types, rounding as the graph would; whole numbers stay what they are unless they become f32. */
function cast(node: Node, x: Constant): Constant {
  // A name before opset 6.
  const to = node.text('to', '') === 'FLOAT' ? FLOAT : node.int('to', FLOAT);
  if (x.kind === 'ints') return to === FLOAT ? floats(x.shape, wholeNumbers(node, x)) : x;
  if (x.kind === 'opaque') throw unsupportedNode(node, `it casts ${x.type}, which weights never are`);
  const { name, shape } = x.tensor;
  if (to === FLOAT) return { kind: 'floats', tensor: floatTensor(name, shape, toFloat32(x.tensor)) };
  if (to !== FLOAT16) return x;
  const halves = float32ToFloat16(name, toFloat32(x.tensor));
  return { kind: 'floats', tensor: { name, shape, dtype: 'F16', bytes: new Uint8Array(halves.buffer) } };
}
