/** One network in the many ways that exporters write it. */
import {
  CLASSES,
  edited,
  GROWTH,
  type GraphSpec,
  HALVE,
  INIT,
  ints,
  type NodeSpec,
  node,
  type TensorSpec,
  tensorOf,
  tinyDenseNet,
} from './onnx-writer.js';

export const CIFAR = tinyDenseNet();
const CHANNELS = (INIT + 2 * GROWTH) / 2 + 2 * GROWTH;

const valuesOf = (name: string): TensorSpec => tensorOf(CIFAR, name);
/** The two nodes, the first before the second, which replaces the node of its name. */
export const between = (before: NodeSpec, after: NodeSpec) => ({ [after.name]: [before, after] });

/** [C, classes] of the head. */
const TURNED = Array.from({ length: CHANNELS * CLASSES }, (_, i) => {
  const [channel, label] = [Math.floor(i / CLASSES), i % CLASSES];
  return valuesOf('fc.weight').values[label * CHANNELS + channel] ?? 0;
});
const matrix: TensorSpec = { name: 'fc.turned', dims: [CHANNELS, CLASSES], values: TURNED };
const withType = (type: TensorSpec['type'], isTyped: boolean | 'unpacked'): GraphSpec => ({
  ...CIFAR,
  tensors: CIFAR.tensors.map((tensor) => ({ ...tensor, ...(type && { type }), isTyped })),
});
const withInputs = (...inputs: readonly (number | null)[]): GraphSpec => ({ ...CIFAR, inputs: { input: inputs } });
const withOpset = (opset: number): GraphSpec => ({ ...CIFAR, opset });

/** Every name of a node or tensor becomes a number. */
function renamed(graph: GraphSpec): GraphSpec {
  const names = new Map<string, string>();
  const to = (name: string) => {
    if (!names.has(name)) names.set(name, `${7919 * (names.size + 3)}`);
    return names.get(name) ?? '';
  };
  return {
    ...graph,
    nodes: graph.nodes.map((item) => ({ ...item, name: to(item.name), inputs: item.inputs.map(to) })),
    tensors: graph.tensors.map((tensor) => ({ ...tensor, name: to(tensor.name) })),
    inputs: Object.fromEntries(Object.entries(graph.inputs).map(([name, dims]) => [to(name), dims])),
    outputs: graph.outputs.map(to),
  };
}

const weightNode = (op: 'Constant' | 'Identity'): GraphSpec => {
  const made = CIFAR.tensors.map((tensor) =>
    op === 'Constant' ? node(tensor.name, op, [], { value: tensor }) : node(tensor.name, op, [`${tensor.name}.shared`]),
  );
  const tensors =
    op === 'Constant' ? [] : CIFAR.tensors.map((tensor) => ({ ...tensor, name: `${tensor.name}.shared` }));
  return { ...CIFAR, nodes: [...made, ...CIFAR.nodes], tensors };
};

/** `x.view(x.size(0), -1)` as tracing writes it. */
const VIEW: readonly NodeSpec[] = [
  node('shape', 'Shape', ['pool']),
  node('batch', 'Gather', ['shape', 'zero'], { axis: 0 }),
  node('batches', 'Unsqueeze', ['batch', 'first']),
  node('target', 'Concat', ['batches', 'rest'], { axis: 0 }),
  node('flatten', 'Reshape', ['pool', 'target']),
];
const zero: TensorSpec = { name: 'zero', dims: [], values: [0], type: 'i64' };
const bias = valuesOf('fc.bias');

/** PyTorch's padding of a pool by nothing, unfolded. */
const PADDING: readonly NodeSpec[] = [
  node('none', 'ConstantOfShape', ['four'], { value: ints('', [0]) }),
  node('pairs', 'Concat', ['none', 'none'], { axis: 0 }),
  node('table', 'Reshape', ['pairs', 'twos']),
  node('backwards', 'Slice', ['table', 'start', 'end', 'first', 'step']),
  node('sides', 'Transpose', ['backwards'], { perm: [1, 0] }),
  node('flat', 'Reshape', ['sides', 'rest']),
  node('pads', 'Cast', ['flat'], { to: 7 }),
  node('padded', 'Pad', ['final.relu', 'pads'], { mode: 'constant' }),
  node('pool', 'GlobalAveragePool', ['padded']),
];

export const SAME: readonly [what: string, graph: GraphSpec][] = [
  ['other names', renamed(CIFAR)],
  ['weights in float_data', withType('f32', true)],
  ['weights in float_data, not packed', withType('f32', 'unpacked')],
  ['weights in double_data', withType('f64', true)],
  ['double weights', withType('f64', false)],
  ['fp16 weights', withType('f16', false)],
  ['fp16 weights in int32_data', withType('f16', true)],
  ['bfloat16 weights', withType('bf16', false)],
  ['bfloat16 weights in int32_data', withType('bf16', true)],
  ['weights in Constant nodes', weightNode('Constant')],
  ['weights behind Identity', weightNode('Identity')],
  [
    'weights listed as inputs',
    {
      ...CIFAR,
      inputs: { ...Object.fromEntries(CIFAR.tensors.map(({ name, dims }) => [name, dims])), ...CIFAR.inputs },
    },
  ],
  ['a size left open', withInputs(null, 3, null, null)],
  ['no shape at all', withInputs()],
  [
    'Dropout before the head',
    edited(CIFAR, between(node('drop', 'Dropout', ['flatten']), { ...fc(), inputs: ['drop', 'fc.weight', 'fc.bias'] })),
  ],
  [
    'Cast of the maps',
    edited(
      CIFAR,
      between(
        node('cast', 'Cast', ['input'], { to: 10 }),
        node('stem', 'Conv', ['cast', 'stem.weight'], { pads: [1, 1, 1, 1] }),
      ),
    ),
  ],
  ['SAME_UPPER padding', edited(CIFAR, { 'b1l1.conv2': { attributes: { auto_pad: 'SAME_UPPER' } } })],
  [
    'VALID padding',
    edited(CIFAR, {
      'b1l1.conv1': { attributes: { auto_pad: 'VALID' } },
      't1.pool': { attributes: { ...HALVE, auto_pad: 'VALID' } },
    }),
  ],
  ['a pool that rounds up an even size', edited(CIFAR, { 't1.pool': { attributes: { ...HALVE, ceil_mode: 1 } } })],
  [
    'zero padding before a pool',
    edited(CIFAR, { pool: PADDING }, [
      ints('four', [4]),
      ints('twos', [-1, 2]),
      ints('start', [-1]),
      ints('end', [-9]),
      ints('first', [0]),
      ints('step', [-1]),
      ints('rest', [-1]),
    ]),
  ],
  [
    'zero padding as an attribute (opset 10)',
    edited(
      withOpset(10),
      between(
        node('padded', 'Pad', ['final.relu'], { pads: [0, 0, 0, 0, 0, 0, 0, 0] }),
        node('pool', 'GlobalAveragePool', ['padded']),
      ),
    ),
  ],
  [
    'padding of the picture apart',
    edited(CIFAR, between(node('padded', 'Pad', ['input', 'one']), node('stem', 'Conv', ['padded', 'stem.weight'])), [
      ints('one', [0, 0, 1, 1, 0, 0, 1, 1]),
    ]),
  ],
  [
    'an average pool over the whole map',
    edited(CIFAR, { pool: { op: 'AveragePool', attributes: { kernel_shape: [4, 4] } } }),
  ],
  [
    'an average pool over a map of open size',
    edited(withInputs(1, 3, null, null), {
      pool: { op: 'AveragePool', attributes: { kernel_shape: [4, 4], strides: [4, 4] } },
    }),
  ],
  ['ReduceMean', edited(CIFAR, { pool: { op: 'ReduceMean', attributes: { axes: [-1, -2] } } })],
  [
    'ReduceMean without its axes, no Flatten (opset 18)',
    edited(
      withOpset(18),
      {
        pool: { op: 'ReduceMean', inputs: ['final.relu', 'axes'], attributes: { keepdims: 0 } },
        flatten: { op: 'Identity' },
      },
      [ints('axes', [2, 3])],
    ),
  ],
  ['Squeeze', edited(CIFAR, { flatten: { op: 'Squeeze', inputs: ['pool', 'axes'] } }, [ints('axes', [2, 3])])],
  ['Squeeze of all axes (opset 11)', edited(withOpset(11), { flatten: { op: 'Squeeze' } })],
  [
    'Reshape',
    edited(CIFAR, { flatten: { op: 'Reshape', inputs: ['pool', 'target'] } }, [ints('target', [-1, CHANNELS])]),
  ],
  [
    'Reshape by attribute (opset 4)',
    edited(withOpset(4), { flatten: { op: 'Reshape', attributes: { shape: [0, -1] } } }),
  ],
  ['Reshape by arithmetic on shapes', edited(CIFAR, { flatten: VIEW }, [zero, ints('first', [0]), ints('rest', [-1])])],
  [
    'Gemm of a turned matrix',
    edited(CIFAR, { fc: { inputs: ['flatten', 'fc.turned', 'fc.bias'], attributes: {} } }, [matrix]),
  ],
  [
    'Gemm of a Transpose',
    edited(
      CIFAR,
      between(node('turn', 'Transpose', ['fc.turned']), { ...fc(), inputs: ['flatten', 'turn', 'fc.bias'] }),
      [matrix],
    ),
  ],
  [
    'MatMul and Add',
    edited(
      CIFAR,
      between(node('product', 'MatMul', ['flatten', 'fc.turned']), node('fc', 'Add', ['fc.bias', 'product'])),
      [matrix],
    ),
  ],
  [
    'a 1×1 convolution as the head',
    edited(
      CIFAR,
      { flatten: [], fc: [node('map', 'Conv', ['pool', 'fc.weight', 'fc.bias']), node('fc', 'Flatten', ['map'])] },
      [{ ...valuesOf('fc.weight'), dims: [CLASSES, CHANNELS, 1, 1] }],
    ),
  ],
  [
    'the bias of the head in two parts',
    edited(CIFAR, { fc: [{ ...fc(), name: 'part' }, node('fc', 'Add', ['part', 'nothing'])] }, [
      { ...bias, name: 'nothing', dims: [1, CLASSES], values: bias.values.map(() => 0) },
    ]),
  ],
  ['Concat without an axis (opset 3)', edited(withOpset(3), { 'b1l1.concat': { attributes: {} } })],
  [
    'Concat of all features at once',
    edited(CIFAR, { 'b1l2.concat': { inputs: ['stem', 'b1l1.conv2', 'b1l2.conv2'] } }),
  ],
  [
    'Concat of one',
    edited(
      CIFAR,
      between(
        node('alone', 'Concat', ['stem'], { axis: 1 }),
        node('b1l1.a.norm', 'BatchNormalization', ['alone', ...norm('b1l1.a.norm')]),
      ),
    ),
  ],
  [
    'a second output that is no part of it',
    { ...edited(CIFAR, { fc: [fc(), node('best', 'ArgMax', ['fc'])] }), outputs: ['best', 'fc'] },
  ],
  [
    'a dead end',
    edited(CIFAR, {
      pool: [node('odd', 'LayerNormalization', ['final.relu']), node('pool', 'GlobalAveragePool', ['final.relu'])],
    }),
  ],
  [
    'pooling before the convolution of a transition',
    edited(CIFAR, {
      't1.conv': [],
      't1.pool': [
        node('pooled', 'AveragePool', ['t1.relu'], HALVE),
        node('t1.pool', 'Conv', ['pooled', 't1.conv.weight']),
      ],
    }),
  ],
];

export function fc(): NodeSpec {
  return node('fc', 'Gemm', ['flatten', 'fc.weight', 'fc.bias'], { transB: 1 });
}

function norm(name: string): string[] {
  return ['scale', 'shift', 'mean', 'variance'].map((leaf) => `${name}.${leaf}`);
}
