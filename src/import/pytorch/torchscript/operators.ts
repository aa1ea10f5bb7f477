/** torch's functions, as TorchScript calls them, as the operators that they compute. */
import { floatTensor, type Tensor } from '../../../tensor/tensor.js';
import { LayerNode } from '../../graph/node.js';

/** A tensor that depends on the image, or a weight, by its name in the graph. */
export class TensorValue {
  constructor(readonly name: string) {}
}

/** The length of a tensor along an axis, which only running the network would tell. */
export class SizeValue {
  constructor(readonly axis: number) {}
}

export type Value = null | boolean | number | string | TensorValue | SizeValue | OtherValue | readonly Value[];

/** Modules and functions, which operators do not take. */
export abstract class OtherValue {
  protected abstract readonly kind: string;
}

/** The interpreter gives up, and why. */
export class NotRead extends Error {}

/** What operators are made from and into. */
export class GraphWriter {
  readonly nodes: LayerNode[] = [];
  /** Numbers that the code itself holds. */
  readonly constants = new Map<string, Tensor>();
  #count = 0;

  emit(op: string, inputs: readonly TensorValue[], attributes: Attributes, label: string): TensorValue {
    const output = `v${this.#count++}`;
    this.nodes.push(
      new LayerNode(
        op,
        inputs.map(({ name }) => name),
        output,
        attributes,
        label,
      ),
    );
    return new TensorValue(output);
  }

  number(value: number): TensorValue {
    const name = `number ${value}`;
    this.constants.set(name, floatTensor(name, [], Float32Array.of(value)));
    return new TensorValue(name);
  }
}

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

interface Call {
  readonly args: readonly Value[];
  readonly keywords: ReadonlyMap<string, Value>;
  /** Of torch.nn.functional, whose arguments may stand in another order. */
  readonly isFunctional: boolean;
  readonly emit: (op: string, inputs: readonly TensorValue[], attributes?: Attributes) => TensorValue;
  readonly number: (value: number) => TensorValue;
}

const tensor = (value: Value | undefined): TensorValue => {
  if (value instanceof TensorValue) return value;
  throw new NotRead('a tensor is missing');
};
const tensors = (...values: readonly (Value | undefined)[]): TensorValue[] =>
  values.flatMap((value) => (value instanceof TensorValue ? [value] : []));
const number = (value: Value | undefined, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
const numbers = (value: Value | undefined): number[] => {
  if (typeof value === 'number') return [value];
  if (!Array.isArray(value)) return [];
  return value.map((entry: Value) => (typeof entry === 'number' ? entry : Number.NaN));
};
const pair = (value: Value | undefined, otherwise: number): number[] => {
  const list = numbers(value);
  return list.length === 0 ? [otherwise, otherwise] : list.length === 1 ? [...list, ...list] : list;
};
const flag = (value: Value | undefined): number => (value === true ? 1 : 0);

const same = ({ args: [x] }: Call): Value => x ?? null;
const unary =
  (op: string) =>
  ({ args: [x], emit }: Call): Value =>
    emit(op, [tensor(x)]);

/** One with a number or a weight on either side. */
const binary =
  (op: string) =>
  ({ args: [a, b], emit, number: constant }: Call): Value => {
    const operand = (value: Value | undefined) => (typeof value === 'number' ? constant(value) : tensor(value));
    return emit(op, [operand(a), operand(b)]);
  };

function convolution({ args: [x, weight, bias, stride, padding, dilation, ...rest], emit }: Call): Value {
  const isGeneral = typeof rest[0] === 'boolean'; // _convolution(…, transposed, output_padding, groups, …)
  if (rest[0] === true) throw new NotRead('a transposed convolution');
  const [height = 0, width = 0] = pair(padding, 0);
  const pads =
    typeof padding === 'string'
      ? { auto_pad: padding === 'same' ? 'SAME_UPPER' : 'VALID' }
      : { pads: [height, width, height, width] };
  return emit('Conv', tensors(x, weight, bias), {
    ...pads,
    strides: pair(stride, 1),
    dilations: pair(dilation, 1),
    group: number(isGeneral ? rest[2] : rest[0], 1),
  });
}

function batchNorm({ args, isFunctional, emit }: Call): Value {
  const [x, a, b, c, d, training, , epsilon] = args;
  const leaves = isFunctional ? [c, d, a, b] : [a, b, c, d];
  return emit('BatchNormalization', tensors(x, ...leaves), {
    epsilon: Math.fround(number(epsilon, 1e-5)),
    training_mode: flag(training),
  });
}

const pool =
  (op: 'MaxPool' | 'AveragePool') =>
  ({ args: [x, kernel, stride, padding, fifth, sixth], emit }: Call): Value => {
    const [height = 0, width = 0] = pair(padding, 0);
    const size = pair(kernel, 1);
    const strides = numbers(stride).length === 0 ? size : pair(stride, 1);
    const more = op === 'MaxPool' ? { dilations: pair(fifth, 1), ceil_mode: flag(sixth) } : { ceil_mode: flag(fifth) };
    return emit(op, [tensor(x)], { kernel_shape: size, strides, pads: [height, width, height, width], ...more });
  };

const adaptive =
  (op: string) =>
  ({ args: [x, size], emit }: Call): TensorValue =>
    emit(pair(size, 0).every((side) => side === 1) ? op : `an adaptive pool to ${numbers(size).join('×')}`, [
      tensor(x),
    ]);

function reshape({ args: [x, shape], emit }: Call): Value {
  const target = Array.isArray(shape) ? shape : [];
  const sides = target.map((side: Value, axis) => {
    if (side instanceof SizeValue && side.axis === axis) return 0;
    return typeof side === 'number' ? side : Number.NaN;
  });
  // A traced batch of one.
  const isVector = sides.length === 2 && (sides[0] === 1 || sides[0] === 0 || sides[0] === -1);
  return emit('Reshape', [tensor(x)], {
    shape: isVector ? [0, ...sides.slice(1).map((side) => (sides[0] === -1 ? side : -1))] : sides,
  });
}

const OPERATORS: Readonly<Record<string, (call: Call) => Value>> = {
  convolution,
  conv2d: convolution,
  batch_norm: batchNorm,
  relu: unary('Relu'),
  sigmoid: unary('Sigmoid'),
  tanh: unary('Tanh'),
  gelu: ({ args: [x], keywords, emit }) => {
    const approximate = keywords.get('approximate');
    return emit('Gelu', [tensor(x)], { approximate: typeof approximate === 'string' ? approximate : 'none' });
  },
  elu: ({ args: [x, alpha], emit }) => emit('Elu', [tensor(x)], { alpha: number(alpha, 1) }),
  leaky_relu: ({ args: [x, slope], emit }) => emit('LeakyRelu', [tensor(x)], { alpha: number(slope, 0.01) }),
  softmax: ({ args: [x, dim], emit }) => emit('Softmax', [tensor(x)], { axis: number(dim, 1) }),
  log_softmax: ({ args: [x, dim], emit }) => emit('LogSoftmax', [tensor(x)], { axis: number(dim, 1) }),
  max_pool2d: pool('MaxPool'),
  avg_pool2d: pool('AveragePool'),
  adaptive_avg_pool2d: adaptive('GlobalAveragePool'),
  adaptive_max_pool2d: (call) => [adaptive('GlobalMaxPool')(call), null],
  mean: ({ args: [x, dims, keep], emit }) =>
    emit('ReduceMean', [tensor(x)], { axes: numbers(dims), keepdims: flag(keep) }),
  amax: ({ args: [x, dims, keep], emit }) =>
    emit('ReduceMax', [tensor(x)], { axes: numbers(dims), keepdims: flag(keep) }),
  flatten: ({ args: [x, start], emit }) => emit('Flatten', [tensor(x)], { axis: number(start, 0) }),
  view: reshape,
  reshape,
  squeeze: ({ args: [x, dim], emit }) => emit('Squeeze', [tensor(x)], { axes: numbers(dim) }),
  linear: ({ args: [x, weight, bias], emit }) => emit('Gemm', tensors(x, weight, bias), { transB: 1 }),
  addmm: ({ args: [bias, x, weight], emit }) => emit('Gemm', tensors(x, weight, bias)),
  matmul: ({ args: [x, weight], emit }) => emit('MatMul', tensors(x, weight)),
  mm: ({ args: [x, weight], emit }) => emit('MatMul', tensors(x, weight)),
  t: ({ args: [x], emit }) => emit('Transpose', [tensor(x)], { perm: [1, 0] }),
  cat: ({ args: [list, dim], emit }) =>
    emit('Concat', Array.isArray(list) ? tensors(...list) : [], { axis: number(dim, 0) }),
  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  dropout: same,
  feature_dropout: same,
  alpha_dropout: same,
  contiguous: same,
  detach: same,
  clone: same,
  to: same,
};

/** `null` for a function that is no operator on tensors. @throws NotRead for arguments that are not known */
export function operator(name: string, call: Call): Value | undefined {
  const bare = name.replace(/^_+/, '').replace(/_+$/, '');
  const rule = Object.hasOwn(OPERATORS, bare) ? OPERATORS[bare] : undefined;
  return rule?.(call);
}
