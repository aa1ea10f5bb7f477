/** PyTorch's layer classes as the operators that they compute, from the attributes that a module is saved with. */
import { LayerNode } from '../graph/node.js';
import { classOf, type Module, numberOf, pairOf, textOf } from './modules.js';

/** No word about a layer's weights: they are inputs by the names that the state dict has. */
type Attributes = Readonly<Record<string, number | string | readonly number[]>>;
type Operator = readonly [op: string, attributes: Attributes];

const isNoOp = (name: string): boolean => /^(Identity|DropPath|.*Dropout\w*|.*Stub)$/.test(name);
const plain = (op: string) => (): Operator => [op, {}];

const OPERATORS: Readonly<Record<string, (module: Module) => Operator>> = {
  Conv2d: (module) => [
    'Conv',
    {
      ...padding(module),
      strides: pairOf(module, 'stride', 1),
      ...dilation(module),
      group: numberOf(module, 'groups', 1),
    },
  ],
  Linear: () => ['Gemm', { transB: 1 }],
  NonDynamicallyQuantizableLinear: () => ['Gemm', { transB: 1 }],
  BatchNorm1d: norm,
  BatchNorm2d: norm,
  SyncBatchNorm: norm,
  BatchNormAct2d: norm,
  ReLU: plain('Relu'),
  LeakyReLU: (module) => ['LeakyRelu', { alpha: numberOf(module, 'negative_slope', 0.01) }],
  ELU: (module) => ['Elu', { alpha: numberOf(module, 'alpha', 1) }],
  GELU: (module) => ['Gelu', { approximate: textOf(module, 'approximate', 'none') }],
  Sigmoid: plain('Sigmoid'),
  Tanh: plain('Tanh'),
  Softmax: plain('Softmax'),
  LogSoftmax: plain('LogSoftmax'),
  Flatten: plain('Flatten'),
  MaxPool2d: (module) => ['MaxPool', pool(module)],
  AvgPool2d: (module) => ['AveragePool', pool(module)],
  AdaptiveAvgPool2d: (module) => adaptive(module, 'GlobalAveragePool'),
  FastAdaptiveAvgPool: plain('GlobalAveragePool'),
  AdaptiveMaxPool2d: (module) => adaptive(module, 'GlobalMaxPool'),
};

/** Leaves whose class is none of these compute something unknown, and are refused by it where they stand. */
export function operatorOf(module: Module): Operator {
  const name = classOf(module);
  if (isNoOp(name)) return ['Identity', {}];
  const rule = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  return rule ? rule(module) : [name, {}];
}

/** An activation of any kind, known or not: what has neither weights nor another purpose here. */
export const isActivation = (op: string): boolean =>
  !['Identity', 'MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'Flatten'].includes(op) &&
  !/^(Conv|Gemm|BatchNorm)|Pool/.test(op);

export const isPool = (op: string): boolean => /Pool/.test(op);

export function moduleNode(module: Module, input: string, weights: readonly string[], output: string): LayerNode {
  const [op, attributes] = operatorOf(module);
  return new LayerNode(op, [input, ...weights], output, attributes, `module ${module.path} (${classOf(module)})`);
}

function norm(module: Module): Operator {
  return ['BatchNormalization', { epsilon: Math.fround(numberOf(module, 'eps', 1e-5)) }];
}

function dilation(module: Module): Attributes {
  return { dilations: pairOf(module, 'dilation', 1) };
}

function padding(module: Module): Attributes {
  const mode = textOf(module, 'padding_mode', 'zeros');
  const value = module.attributes.get('padding');
  if (mode !== 'zeros') return { auto_pad: `${mode} padding` };
  if (typeof value === 'string') return { auto_pad: value === 'same' ? 'SAME_UPPER' : 'VALID' };
  const [height = 0, width = 0] = pairOf(module, 'padding', 0);
  return { pads: [height, width, height, width] };
}

function pool(module: Module): Attributes {
  const size = pairOf(module, 'kernel_size', 1);
  const [height = 0, width = 0] = pairOf(module, 'padding', 0);
  return {
    kernel_shape: size,
    strides: module.attributes.get('stride') === null ? size : pairOf(module, 'stride', size[0] ?? 1),
    pads: [height, width, height, width],
    ceil_mode: module.attributes.get('ceil_mode') === true ? 1 : 0,
    ...dilation(module),
  };
}

function adaptive(module: Module, op: string): Operator {
  const sides = pairOf(module, 'output_size', 1);
  return sides.every((side) => side === 1) ? [op, {}] : [`${classOf(module)} to ${sides.join('×')}`, {}];
}
