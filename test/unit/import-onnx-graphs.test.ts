/** One network, written in the many ways that exporters know. */
import { describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { writeModel } from '../../src/weights/model-file.js';
import { between, CIFAR, fc, SAME } from '../reference/onnx-spellings.js';
import { edited, encode, type GraphSpec, INIT, ints, node, type TensorSpec } from '../reference/onnx-writer.js';

const read = (graph: GraphSpec) => importCheckpoint(encode(graph), 'graph.onnx');

/** The model file, without the metadata. */
async function written(graph: GraphSpec): Promise<Uint8Array> {
  const { tensors } = await read(graph);
  return writeModel(tensors, {});
}

describe('the same network, however it is written, is the same model file', () => {
  it.each(SAME)('%s', async (_, graph) => {
    expect(Buffer.compare(await written(graph), await written(CIFAR))).toBe(0);
  });

  it('NHWC input, turned first', async () => {
    const turned = edited(
      CIFAR,
      between(
        node('nchw', 'Transpose', ['input'], { perm: [0, 3, 1, 2] }),
        node('stem', 'Conv', ['nchw', 'stem.weight'], { pads: [1, 1, 1, 1] }),
      ),
    );
    const graph = { ...turned, inputs: { input: [1, 8, 8, 3] } };
    expect(Buffer.compare(await written(graph), await written(CIFAR))).toBe(0);
  });

  it('weights that are ConstantOfShape', async () => {
    const dims = [INIT, 3, 3, 3];
    const value: TensorSpec = { name: '', dims: [1], values: [0.25] };
    const all: TensorSpec = { name: 'stem.weight', dims, values: Array(INIT * 27).fill(0.25) };
    const graph = edited(
      CIFAR,
      {
        stem: [
          node('made', 'ConstantOfShape', ['dims'], { value }),
          node('stem', 'Conv', ['input', 'made'], { pads: [1, 1, 1, 1] }),
        ],
      },
      [ints('dims', dims)],
    );
    expect(Buffer.compare(await written(graph), await written(edited(CIFAR, {}, [all])))).toBe(0);
  });

  it.each(['Softmax', 'LogSoftmax', 'Sigmoid'])('%s at the end is the activation', async (op) => {
    const graph = { ...edited(CIFAR, { fc: [fc(), node('scores', op, ['fc'])] }), outputs: ['scores'] };
    const { metadata } = await read(graph);
    expect(metadata.activation).toBe(op === 'Sigmoid' ? 'sigmoid' : 'softmax');
    expect(Buffer.compare(await written(graph), await written(CIFAR))).toBe(0);
  });
});
