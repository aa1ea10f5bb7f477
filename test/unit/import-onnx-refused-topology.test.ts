/** Graphs that pool, join or end otherwise than a DenseNet: refused with the first node that does not fit. */
import { describe, expect, it } from 'vitest';
import { ModelShapeError } from '../../src/core/errors.js';
import type { ImportOptions } from '../../src/import/checkpoint.js';
import { failure, inFront, type Refusal, refuses, zeros } from '../reference/onnx-refusal.js';
import {
  CLASSES,
  edited,
  encode,
  GROWTH,
  HALVE,
  INIT,
  ints,
  type NodeSpec,
  node,
  tinyDenseNet,
} from '../reference/onnx-writer.js';

const CIFAR = tinyDenseNet();
const IMAGENET = tinyDenseNet('imagenet');
const LAST = (INIT + 2 * GROWTH) / 2 + 2 * GROWTH;

const POOLS: readonly Refusal[] = [
  [
    'a max pool of 2×2',
    edited(IMAGENET, { 'stem.pool': { attributes: HALVE } }),
    '"stem.pool" (MaxPool)',
    "expected the stem's max pool (3×3, stride 2, padding 1), found 2×2, stride 2, padding 0",
  ],
  [
    'a max pool that rounds up',
    edited(IMAGENET, {
      'stem.pool': { attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 } },
    }),
    '"stem.pool" (MaxPool)',
    'found 3×3, stride 2, padding 1, rounding up',
  ],
  [
    'a transition by max pool',
    edited(CIFAR, { 't1.pool': { op: 'MaxPool' } }),
    '"t1.pool" (MaxPool)',
    'or average pooling of 2×2',
  ],
  [
    'a transition of 3×3',
    edited(CIFAR, { 't1.pool': { attributes: { kernel_shape: [3, 3], strides: [2, 2] } } }),
    '"t1.pool" (AveragePool)',
    'expected the average pool of a transition (2×2, stride 2, padding 0), found 3×3, stride 2, padding 0',
  ],
  [
    'a transition that rounds up an open size',
    edited(
      { ...CIFAR, inputs: { input: [1, 3, null, null] } },
      { 't1.pool': { attributes: { ...HALVE, ceil_mode: 1 } } },
    ),
    '"t1.pool" (AveragePool)',
    'rounding up',
  ],
  [
    'a transition of a strided convolution',
    edited(CIFAR, { 't1.conv': { attributes: { strides: [2, 2] } } }),
    '"t1.conv" (Conv)',
    'found a convolution of 1×1, stride 2, padding 0',
  ],
  [
    'padding that is no padding by zeros',
    inFront(
      CIFAR,
      'pool',
      [node('pad', 'Pad', ['final.relu', 'sides'], { mode: 'reflect' })],
      [ints('sides', [0, 0, 1, 1, 0, 0, 1, 1])],
    ),
    '"pad" (Pad)',
    'found reflect padding [0,0,1,1,0,0,1,1]',
  ],
  [
    'zeros before an average pool',
    inFront(CIFAR, 'pool', [node('pad', 'Pad', ['final.relu', 'sides'])], [ints('sides', [0, 0, 1, 1, 0, 0, 1, 1])]),
    '"pool" (GlobalAveragePool)',
    'expected a convolution or a max pool',
  ],
  [
    'padding by ones',
    inFront(
      CIFAR,
      'pool',
      [node('pad', 'Pad', ['final.relu', 'sides', 'one'])],
      [ints('sides', [0, 0, 1, 1, 0, 0, 1, 1]), { name: 'one', dims: [], values: [1] }],
    ),
    '"pad" (Pad)',
    'expected zeros',
  ],
  [
    'SAME padding on top of a Pad',
    inFront(
      edited(CIFAR, { stem: { attributes: { auto_pad: 'SAME_UPPER' } } }),
      'stem',
      [node('pad', 'Pad', ['input', 'sides'])],
      [ints('sides', [0, 0, 1, 1, 0, 0, 1, 1])],
    ),
    '"stem" (Conv)',
    'it pads as SAME what has been padded already',
  ],
];

describe('pools of other networks', () => refuses(POOLS));

const CONNECTIONS: readonly Refusal[] = [
  [
    'a Concat that leaves a layer out',
    edited(CIFAR, { 'b1l2.concat': { inputs: ['stem', 'b1l2.conv2'] } }),
    '"b1l2.concat" (Concat)',
    'expected the features of layers 1 to 1 of the block, found layer 2',
  ],
  [
    'a Concat of layers alone',
    edited(CIFAR, { 'b1l2.concat': { inputs: ['b1l1.conv2', 'b1l2.conv2'] } }),
    '"b1l2.concat" (Concat)',
    'expected all features of the block, found layers 1, 2 alone',
  ],
  [
    'a Concat of the same twice',
    edited(CIFAR, { 'b1l1.concat': { inputs: ['stem', 'stem'] } }),
    '"b1l1.concat" (Concat)',
    'it joins the same features twice',
  ],
  [
    'a Concat over the height',
    edited(CIFAR, { 'b1l1.concat': { attributes: { axis: 2 } } }),
    '"b1l1.concat" (Concat)',
    'expected the channel axis 1, found 2',
  ],
  [
    'Concats in two orders',
    edited(CIFAR, { 'b2l1.concat': { inputs: ['b2l1.conv2', 't1.pool'] } }),
    '"b2l1.concat" (Concat)',
    'expected old-first order as in the Concats before, found new-first',
  ],
  [
    'a Concat in no order',
    edited(CIFAR, { 'b1l2.concat': { inputs: ['b1l1.conv2', 'stem', 'b1l2.conv2'] } }),
    '"b1l2.concat" (Concat)',
    'expected features in order of their layers',
  ],
  [
    'blocks that see each other (multi-scale)',
    inFront(CIFAR, 'final.norm', [
      node('small', 'AveragePool', ['b1l2.concat'], HALVE),
      node('all', 'Concat', ['b2l2.concat', 'small'], { axis: 1 }),
    ]),
    '"small" (AveragePool)',
    'expected a batch norm over all features of the block, or a Concat',
  ],
  [
    'a transition of two branches',
    inFront(CIFAR, 'b2l1.a.norm', [
      node('twin', 'Conv', ['t1.relu', 't1.conv.weight']),
      node('twin.pool', 'AveragePool', ['twin'], HALVE),
      node('both', 'Concat', ['t1.pool', 'twin.pool'], { axis: 1 }),
    ]),
    '"both" (Concat)',
    'it joins the features of several blocks',
  ],
  [
    'a Concat with a constant',
    edited(CIFAR, { 'b1l1.concat': { inputs: ['stem', 'b1l1.conv2', 'fc.bias'] } }),
    '"b1l1.concat" (Concat)',
    'it joins features and constants',
  ],
  [
    'a network of no layers',
    edited(CIFAR, { pool: { inputs: ['b1l1.a.relu'] } }),
    '"pool" (GlobalAveragePool)',
    'expected dense layers before it',
  ],
  [
    'a transition before any layer',
    edited(CIFAR, { 't1.pool': { inputs: ['b1l1.conv1'] } }),
    '"t1.pool" (AveragePool)',
    'expected dense layers before it',
  ],
];

describe('connections of other networks', () => refuses(CONNECTIONS));

const HEADS: readonly Refusal[] = [
  [
    'a head that flattens the map',
    edited(CIFAR, { pool: { op: 'Identity' } }),
    '"flatten" (Flatten)',
    'the head flattens the map; expected an average over the whole map',
  ],
  [
    'a head that pools a part',
    edited(CIFAR, { pool: { op: 'AveragePool', attributes: HALVE } }),
    '"flatten" (Flatten)',
    'the head flattens a map of 2×2; expected an average over the whole map',
  ],
  [
    'a head that pools 3×3 of 4×4',
    edited(CIFAR, { pool: { op: 'AveragePool', attributes: { kernel_shape: [3, 3] } } }),
    '"pool" (AveragePool)',
    'expected a window over the whole map of 4×4, or 2×2 with stride 2, found 3×3, stride 1, padding 0',
  ],
  [
    'a head that pools a part of an open size',
    edited({ ...CIFAR, inputs: { input: [1, 3, null, null] } }, { pool: { op: 'AveragePool', attributes: HALVE } }, [
      zeros('fc.weight', [CLASSES, 4 * LAST]),
    ]),
    '"fc" (Gemm)',
    `expected weights for ${LAST} features, the channels of the last block, found [${CLASSES},${4 * LAST}]`,
  ],
  [
    'a mean over the channels',
    edited(CIFAR, { pool: { op: 'ReduceMean', attributes: { axes: [1] } } }),
    '"pool" (ReduceMean)',
    'expected the mean over axes 2 and 3, found 1',
  ],
  [
    'no norm before the head',
    edited(CIFAR, { 'final.norm': [], 'final.relu': { inputs: ['b2l2.concat'] } }),
    '"final.relu" (Relu)',
    'expected a batch norm over all features',
  ],
  [
    'a Gemm that scales',
    edited(CIFAR, { fc: { attributes: { transB: 1, alpha: { float: 2 } } } }),
    '"fc" (Gemm)',
    'its alpha or beta is not 1',
  ],
  [
    'a Gemm of the map',
    edited(CIFAR, { fc: { inputs: ['pool', 'fc.weight', 'fc.bias'] } }),
    '"fc" (Gemm)',
    'expected Flatten, Reshape or Squeeze of the pooled map before it',
  ],
  [
    'Softmax over the pictures',
    {
      ...edited(CIFAR, {
        fc: [...CIFAR.nodes.filter(({ name }) => name === 'fc'), node('scores', 'Softmax', ['fc'], { axis: 0 })],
      }),
      outputs: ['scores'],
    },
    '"scores" (Softmax)',
    'over axis 1, found axis 0',
  ],
  [
    'a bias along another axis',
    edited(
      CIFAR,
      {
        fc: [
          ...CIFAR.nodes.filter(({ name }) => name === 'fc').map((gemm) => ({ ...gemm, name: 'part' })),
          node('fc', 'Add', ['part', 'column']),
        ],
      },
      [zeros('column', [CLASSES, 1])],
    ),
    '"fc" (Add)',
    'or the end of the graph; found Add of [3,1]',
  ],
];

describe('heads of other networks', () => refuses(HEADS));

describe('an unknown activation in the head', () => {
  /** A second dense layer behind the first, with these nodes between; the last of them is called "end". */
  const behind = (...nodes: readonly NodeSpec[]) => {
    const fc = CIFAR.nodes.filter(({ name }) => name === 'fc');
    const graph = edited(
      CIFAR,
      { fc: [...fc, ...nodes, node('second', 'Gemm', ['end', 'second.weight'], { transB: 1 })] },
      [zeros('second.weight', [2, CLASSES])],
    );
    return encode({ ...graph, outputs: ['second'] });
  };

  it('is refused by its name, without the advice to leave it out', async () => {
    const message = `${await failure(behind(node('end', 'Softplus', ['fc'])))}`;
    expect(message).toMatch(
      /node "end" \(Softplus\) .*, an activation \(ReLU, .*\) or the end of the graph; Softplus is no/,
    );
    expect(message).not.toMatch(/export the network without it/);
  });

  it('that is written out is none of those that are known', async () => {
    const nodes = [node('tanh', 'Tanh', ['fc']), node('end', 'Mul', ['fc', 'fc'])];
    expect(`${await failure(behind(...nodes))}`).toMatch(
      /"second" \(Gemm\) .* found arithmetic that is none of the known activations \(ReLU, GELU and its tanh form\)/,
    );
  });
});

describe('a network without dense connections', () => {
  it('is told by its graph', async () => {
    const others = Object.fromEntries(
      CIFAR.nodes.filter(({ op }) => op === 'Concat').map(({ name, inputs }) => [name, { op: 'Add', inputs }]),
    );
    expect(`${await failure(encode(edited(CIFAR, others)))}`).toMatch(
      /\. Nothing in it is concatenated: it is no DenseNet, and other networks cannot be run$/,
    );
  });
});

describe('a graph that ends too early', () => {
  it('says what should follow', async () => {
    const error = await failure(encode({ ...CIFAR, outputs: ['b2l2.concat'] }));
    expect(error).toBeInstanceOf(ModelShapeError);
    expect(`${error}`).toContain(
      'the graph has no logits, it ends where there should be a batch norm over all features',
    );
  });

  it('says when its output is never made', async () => {
    expect(`${await failure(encode({ ...CIFAR, outputs: ['nowhere'] }))}`).toContain('none of its outputs is computed');
  });
});

describe('options that the graph contradicts', () => {
  const cases: readonly [ImportOptions, string][] = [
    [{ concat: 'new-first' }, 'concat is new-first, but the graph in "graph.onnx" has old-first: leave it out'],
    [{ bnEpsilon: 1e-3 }, 'bnEpsilon is 0.001, but the graph in "graph.onnx" has 0.00001: leave it out'],
  ];
  it.each(cases)('%o', async (options, message) => {
    expect(await failure(encode(CIFAR), 'graph.onnx', options)).toMatchObject({ name: 'OptionError', message });
  });

  it('agreeing is no contradiction', async () => {
    expect(await failure(encode(CIFAR), 'graph.onnx', { concat: 'old-first', bnEpsilon: 1e-5 })).toBe(
      'it was accepted',
    );
  });
});
