/** Graphs whose operators, convolutions or norms are not those of a DenseNet: refused with the first that does not fit. */
import { describe } from 'vitest';
import { conv, inFront, type Refusal, refuses, zeros } from '../reference/onnx-refusal.js';
import { CLASSES, edited, GROWTH, INIT, node, tinyDenseNet } from '../reference/onnx-writer.js';

const CIFAR = tinyDenseNet();
const IMAGENET = tinyDenseNet('imagenet');
const ones = (count: number): readonly number[] => Array(count).fill(1);

const OPERATORS: readonly Refusal[] = [
  [
    'another activation',
    edited(CIFAR, { 'b1l2.a.relu': { op: 'HardSwish' } }),
    '"b1l2.a.relu" (HardSwish)',
    'expected Relu behind the batch norm; HardSwish is no operator of a DenseNet',
  ],
  [
    'another norm',
    edited(CIFAR, { 't1.norm': { op: 'InstanceNormalization' } }),
    '"t1.norm" (InstanceNormalization)',
    'expected a batch norm over all features of the block, or a Concat',
  ],
  [
    'an operator of another domain',
    edited(CIFAR, { 'b1l1.conv1': { op: 'FusedConv', domain: 'com.microsoft' } }),
    '"b1l1.conv1" (com.microsoft.FusedConv)',
    "its operator is not one of ONNX's own. Export without a runtime's optimisations",
  ],
  [
    'quantised weights',
    edited(CIFAR, {
      stem: [node('w', 'DequantizeLinear', ['stem.weight', 'fc.bias']), node('stem', 'Conv', ['input', 'w'])],
    }),
    '"w" (DequantizeLinear)',
    'this model is quantised: import the float model',
  ],
  [
    'a node without a name',
    edited(CIFAR, { 'b1l1.a.relu': { op: 'Softplus', isNameless: true } }),
    'that makes "b1l1.a.relu" (Softplus)',
    'expected Relu behind the batch norm; Softplus is no operator of a DenseNet',
  ],
  [
    'a residual connection',
    edited(CIFAR, { 'b1l1.concat': { op: 'Add' } }),
    '"b1l1.concat" (Add)',
    'it takes two feature maps; a DenseNet joins them by Concat alone',
  ],
  [
    'weights that nothing makes',
    edited(CIFAR, { stem: { inputs: ['input', 'lost'] } }),
    '"stem" (Conv)',
    'nothing before it makes its input "lost"',
  ],
  [
    'weights that depend on the picture',
    edited(CIFAR, { 'b1l1.conv2': { inputs: ['b1l1.b.relu', 'stem'] } }),
    '"b1l1.conv2" (Conv)',
    'it takes two feature maps',
  ],
  [
    'text for weights',
    edited(CIFAR, {}, [{ ...zeros('stem.weight', [INIT, 3, 3, 3]), dataType: 8 }]),
    '"stem" (Conv)',
    `expected floating-point constants, found STRING [${INIT},3,3,3]`,
  ],
  [
    '8-bit floats for weights',
    edited(CIFAR, {}, [{ ...zeros('stem.weight', [INIT, 3, 3, 3]), dataType: 17 }]),
    '"stem" (Conv)',
    `found type 17 [${INIT},3,3,3]`,
  ],
  [
    'a quantised picture',
    inFront(
      CIFAR,
      'stem',
      [node('quantised', 'QuantizeLinear', ['input', 'fc.bias', 'zero'])],
      [{ ...zeros('zero', []), dataType: 2 }],
    ),
    '"quantised" (QuantizeLinear)',
    'this model is quantised: import the float model',
  ],
  [
    'maps of whole numbers',
    inFront(CIFAR, 'b1l1.a.relu', [node('cast', 'Cast', ['b1l1.a.norm'], { to: 6 })]),
    '"cast" (Cast)',
    'expected a floating-point type (1, 10, 11, 16), found 6',
  ],
  [
    'Dropout in training mode',
    inFront(
      CIFAR,
      'fc',
      [node('drop', 'Dropout', ['flatten', 'half', 'yes'])],
      [zeros('half', []), { name: 'yes', dims: [], values: [1], type: 'i64' }],
    ),
    '"drop" (Dropout)',
    'it is in training mode',
  ],
];

describe('operators of other networks', () => refuses(OPERATORS));

const CONVOLUTIONS: readonly Refusal[] = [
  [
    'a stem padded on two sides (SAME, even size)',
    edited(IMAGENET, { stem: { attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } } }),
    '"stem" (Conv)',
    'found 7×7, stride 2, padding [2,2,3,3]',
  ],
  [
    'a layer of 5×5',
    conv(CIFAR, 'b1l2.conv2', [GROWTH, 8, 5, 5], { pads: [2, 2, 2, 2] }),
    '"b1l2.conv2" (Conv)',
    'found a convolution of 5×5',
  ],
  [
    'a grouped convolution',
    edited(conv(CIFAR, 'b2l1.conv2', [GROWTH, 8, 3, 3], {}), { 'b2l1.conv2': { attributes: { group: 2 } } }),
    '"b2l1.conv2" (Conv)',
    'it is a grouped convolution (2 groups)',
  ],
  [
    'a dilated convolution',
    edited(CIFAR, { 'b1l1.conv2': { attributes: { dilations: [2, 2], pads: [2, 2, 2, 2] } } }),
    '"b1l1.conv2" (Conv)',
    'its window is dilated',
  ],
  [
    'weights of other channels',
    conv(CIFAR, 'b1l2.conv1', [8, INIT, 1, 1], {}),
    '"b1l2.conv1" (Conv)',
    `expected ${INIT + GROWTH} input channels, found weights [8,${INIT},1,1]`,
  ],
  [
    'a growth rate that changes',
    conv(CIFAR, 'b1l2.conv2', [5, 8, 3, 3], { pads: [1, 1, 1, 1] }),
    '"b1l2.conv2" (Conv)',
    'expected 4 output channels, as in the layers before, found 5',
  ],
  [
    'a layer without a bottleneck among others',
    edited(
      CIFAR,
      {
        'b1l2.conv1': [],
        'b1l2.b.norm': [],
        'b1l2.b.relu': [],
        'b1l2.conv2': { inputs: ['b1l2.a.relu', 'b1l2.conv2.weight'] },
      },
      [zeros('b1l2.conv2.weight', [GROWTH, INIT + GROWTH, 3, 3])],
    ),
    '"b1l2.conv2" (Conv)',
    'expected a layer with a bottleneck of 8, as those before, found no 1×1 bottleneck',
  ],
  [
    'a layer without its first norm',
    edited(CIFAR, { 'b1l2.a.norm': [], 'b1l2.a.relu': { inputs: ['b1l1.concat'] } }),
    '"b1l2.a.relu" (Relu)',
    'expected a batch norm over all features of the block',
  ],
  [
    'a layer without its second ReLU',
    edited(CIFAR, { 'b1l1.b.relu': { op: 'Identity' } }),
    '"b1l1.conv2" (Conv)',
    'expected a batch norm, Relu and a 3×3 convolution',
  ],
];

describe('convolutions of other networks', () => refuses(CONVOLUTIONS));

const NORMS: readonly Refusal[] = [
  [
    'a norm in training mode',
    edited(CIFAR, { 'b1l1.a.norm': { attributes: { training_mode: 1 } } }),
    '"b1l1.a.norm" (BatchNormalization)',
    'it is in training mode; set the network to evaluation mode before the export',
  ],
  [
    'a norm of too few channels',
    edited(CIFAR, { 'b1l2.a.norm': { inputs: ['b1l1.concat', 'fc.bias', 'fc.bias', 'fc.bias', 'fc.bias'] } }),
    '"b1l2.a.norm" (BatchNormalization)',
    `expected one value for each of ${INIT + GROWTH} channels, found a constant of [${CLASSES}]`,
  ],
  [
    'two norms in a row',
    inFront(CIFAR, 't1.relu', [
      node('again', 'BatchNormalization', [
        't1.norm',
        't1.norm.scale',
        't1.norm.shift',
        't1.norm.mean',
        't1.norm.variance',
      ]),
    ]),
    '"again" (BatchNormalization)',
    'expected Relu behind the batch norm',
  ],
  [
    'a scale along the width',
    inFront(
      CIFAR,
      'b1l1.a.relu',
      [node('times', 'Mul', ['b1l1.a.norm', 'row'])],
      [{ name: 'row', dims: [INIT], values: ones(INIT) }],
    ),
    '"times" (Mul)',
    `expected one value for each of ${INIT} channels, found a constant of [${INIT}]`,
  ],
  [
    'a norm over one layer alone',
    edited(CIFAR, {
      'b1l2.a.norm': {
        inputs: ['b1l1.conv2', 'b1l1.b.norm.scale', 'b1l1.b.norm.shift', 'b1l1.b.norm.mean', 'b1l1.b.norm.variance'],
      },
    }),
    '"b1l2.a.norm" (BatchNormalization)',
    'expected all features of the block, found layer 1 alone',
  ],
];

describe('norms that are not a function per channel before a ReLU', () => refuses(NORMS));
