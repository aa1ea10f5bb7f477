/** ONNX files that are cut short, lie or ask for too much: one typed error, within a second and in bounded memory. */
import protobuf from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import { isDenseNetError, ModelFormatError, ModelShapeError } from '../../src/core/errors.js';
import { FIXTURES, readBytes } from '../reference/fixtures.js';
import { failure } from '../reference/onnx-refusal.js';
import {
  edited,
  encode,
  HALVE,
  INIT,
  ints,
  node,
  type TensorSpec,
  tensorOf,
  tinyDenseNet,
} from '../reference/onnx-writer.js';

const CIFAR = tinyDenseNet();
const stem = tensorOf(CIFAR, 'stem.weight');
const withStem = (changes: Partial<TensorSpec>) => encode(edited(CIFAR, {}, [{ ...stem, ...changes }]));

/** A file of one graph, of these bytes. */
function model(graph: Uint8Array): Uint8Array {
  return Uint8Array.from(protobuf.Writer.create().uint32(8).int64(8).uint32(0x3a).bytes(graph).finish());
}

describe('tensors that cannot be read', () => {
  it.each([
    [
      'data in another file',
      { external: 'weights.bin' },
      'tensor "stem.weight" lies in another file ("weights.bin"): put all in one with onnx.save(',
    ],
    ['too few bytes', { values: [1, 2] }, 'tensor "stem.weight" [6,3,3,3] needs 648 bytes of F32, but has 8'],
    ['no data', { values: [] }, 'needs 648 bytes of F32, but has 0'],
    ['a negative dimension', { dims: [-6, 3, 3, 3] }, 'has the impossible shape [-6,3,3,3]'],
    ['2^60 elements', { dims: [2 ** 30, 2 ** 30, 1, 1] }, 'has the impossible shape [1073741824,1073741824,1,1]'],
    ['2^40 elements', { dims: [2 ** 20, 2 ** 20, 1, 1] }, 'needs 4398046511104 bytes of F32, but has 648'],
    ['twenty dimensions', { dims: Array(20).fill(1) }, 'has the impossible shape'],
    ['fp16 in too few numbers', { type: 'f16', isTyped: true, values: [1] }, 'needs 162 values, but has 1'],
  ] as const)('%s', async (_, changes, why) => {
    const error = await failure(withStem(changes));
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(`${error}`).toContain(`bad ONNX file: tensor "stem.weight"`);
    expect(`${error}`).toContain(why);
  });

  it('does no harm where nothing uses them', async () => {
    const graph = edited(CIFAR, {}, [{ ...stem, name: 'unused', external: 'elsewhere' }]);
    expect(await failure(encode(graph))).toBe('it was accepted');
  });
});

describe('files cut short', () => {
  const file = readBytes(`${FIXTURES}onnx/torchvision-folded.onnx`);
  const lengths = Array.from({ length: 200 }, (_, i) => Math.floor((i * file.length) / 200));

  it('at 200 places', async () => {
    for (const length of lengths) {
      const error = await failure(file.subarray(0, length));
      expect(error, `at ${length}`).toBeInstanceOf(ModelFormatError);
      if (length > 100) expect(`${error}`).toContain('bad ONNX file: it is truncated or damaged');
    }
  });

  it('and bytes that are no model at all are told from them', async () => {
    const text = new TextEncoder().encode('<!doctype html><title>404</title>');
    expect(`${await failure(text, 'model.onnx')}`).toContain('none of the checkpoint formats');
  });
});

describe('small files that ask for much', () => {
  const far = 'reading it would take';
  const double = (count: number) =>
    Array.from({ length: count }, (_, i) => node(`d${i + 1}`, 'Concat', [`d${i}`, `d${i}`], { axis: 0 }));
  const made = (dims: readonly number[]) =>
    edited(CIFAR, { stem: [node('made', 'ConstantOfShape', ['dims']), node('stem', 'Conv', ['input', 'made'])] }, [
      ints('dims', dims),
    ]);
  it.each([
    ['ConstantOfShape of 2^60 elements', made([2 ** 30, 2 ** 30]), far],
    ['ConstantOfShape of 2^27 elements', made([2 ** 27]), far],
    [
      'a list that doubles 30 times',
      edited(CIFAR, { stem: [...double(30), node('stem', 'Reshape', ['stem.weight', 'd30'])] }, [ints('d0', [1])]),
      'more whole numbers than any shape has',
    ],
    [
      'features that double 30 times',
      edited(CIFAR, {
        'b1l1.concat': [
          node('d0', 'Identity', ['stem']),
          ...double(30).map((n) => ({ ...n, attributes: { axis: 1 } })),
          node('b1l1.concat', 'Identity', ['d30']),
        ],
      }),
      'it joins the same features twice',
    ],
    [
      'an Expand without end',
      edited(CIFAR, { stem: [node('big', 'Expand', ['stem.weight', 'to']), node('stem', 'Conv', ['input', 'big'])] }, [
        ints('to', [2 ** 20, INIT, 3, 3, 3]),
      ]),
      far,
    ],
    [
      'a Slice along four thousand axes, and another',
      edited(
        CIFAR,
        {
          stem: [
            node('s1', 'Slice', ['list', 'zeros', 'ends', 'zeros']),
            node('s2', 'Slice', ['s1', 'zeros', 'ends', 'zeros']),
            node('stem', 'Reshape', ['stem.weight', 's2']),
          ],
        },
        [ints('list', Array(4096).fill(1)), ints('zeros', Array(4096).fill(0)), ints('ends', Array(4096).fill(4096))],
      ),
      'it slices 4096 axes of 1',
    ],
    [
      'matrices turned over and over',
      edited(
        CIFAR,
        {
          fc: [
            node('t0', 'Identity', ['wide']),
            ...Array.from({ length: 200 }, (_, i) => node(`t${i + 1}`, 'Transpose', [`t${i}`])),
            node('fc', 'MatMul', ['flatten', 't200']),
          ],
        },
        [{ name: 'wide', dims: [1024, 1024], values: Array(2 ** 20).fill(0), type: 'f16' }],
      ),
      far,
    ],
  ] as const)('%s', async (_, graph, why) => {
    const before = process.memoryUsage().rss;
    const error = await failure(encode(graph));
    expect(isDenseNetError(error), `${error}`).toBe(true);
    expect(`${error}`).toContain(why);
    expect((process.memoryUsage().rss - before) / 2 ** 20, 'MiB more than before').toBeLessThan(250);
  });

  it('millions of empty nodes', async () => {
    const graph = Uint8Array.from({ length: 4 << 20 }, (_, i) => (i % 2 === 0 ? 0x0a : 0));
    expect(`${await failure(model(graph))}`).toContain('more than 262144 messages, far more than any DenseNet');
  });

  it('groups within groups within groups', async () => {
    const graph = new Uint8Array(1 << 20).fill(0x7b); // field 15, start of a group
    const error = await failure(model(graph));
    expect(isDenseNetError(error), `${error}`).toBe(true);
  });

  it('layers that read pools that read layers, ten thousand deep', async () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => node(`p${i + 1}`, 'Identity', [i === 0 ? 'stem' : `p${i}`]));
    const graph = edited(CIFAR, { 'b1l1.concat': [...chain, node('b1l1.concat', 'AveragePool', ['p10000'], HALVE)] });
    expect(await failure(encode(graph))).toBeInstanceOf(ModelShapeError);
  });
});
