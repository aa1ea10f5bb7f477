/** Batch norms of any epsilon, in one node or in several, become the scale and shift that the graph computes. */
import { describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/import/checkpoint.js';
import { readModel, writeModel } from '../../src/weights/model-file.js';
import {
  edited,
  encode,
  type GraphSpec,
  INIT,
  node,
  type TensorSpec,
  tensorOf,
  tinyDenseNet,
} from '../reference/onnx-writer.js';

const CIFAR = tinyDenseNet();
const valuesOf = (name: string): TensorSpec => tensorOf(CIFAR, name);
const norm = (name: string): string[] => ['scale', 'shift', 'mean', 'variance'].map((leaf) => `${name}.${leaf}`);

describe('norms become the same function', () => {
  const scaleAndShift = async (graph: GraphSpec) => {
    const { tensors, metadata } = await importCheckpoint(encode(graph), 'graph.onnx');
    const { folded } = readModel(writeModel(tensors, metadata));
    const layer = folded.blocks[0]?.layers[0];
    return { metadata, before: layer?.norm, behind: layer?.reduce };
  };
  /** Largest difference over the largest value. */
  const difference = (a: Float32Array | undefined, b: Float32Array | undefined): number => {
    const largest = Math.max(...(b ?? []).map(Math.abs));
    return Math.max(...(a ?? []).map((value, i) => Math.abs(value - (b?.[i] ?? Number.NaN)))) / largest;
  };
  const expectSame = async (graph: GraphSpec) => {
    const [found, expected] = [await scaleAndShift(graph), await scaleAndShift(CIFAR)];
    for (const of of [found, expected]) expect([of.before, of.behind].every(Boolean)).toBe(true);
    // Half a step of float32, for what is stored as float32.
    expect(difference(found.before?.scale, expected.before?.scale)).toBeLessThan(1.2e-7);
    expect(difference(found.before?.shift, expected.before?.shift)).toBeLessThan(1.2e-7);
    expect(difference(found.behind?.weight, expected.behind?.weight)).toBeLessThan(1.2e-7);
    expect(difference(found.behind?.bias, expected.behind?.bias)).toBeLessThan(1.2e-7);
    return found;
  };
  const A = 'b1l1.a.norm';
  const change = (leaf: string, to: (value: number, c: number) => number, name = `${A}.${leaf}`): TensorSpec => ({
    ...valuesOf(`${A}.${leaf}`),
    type: 'f64',
    name,
    values: valuesOf(`${A}.${leaf}`).values.map(to),
  });

  it.each([1e-3, 1e-7, 0])('with an epsilon of %s in one of them', async (epsilon) => {
    const exact = Math.fround(epsilon);
    const { metadata } = await expectSame(
      edited(CIFAR, { [A]: { attributes: { epsilon: { float: epsilon } } } }, [
        change('variance', (v) => v + 1e-5 - exact),
      ]),
    );
    expect(metadata.bnEpsilon).toBe(epsilon === 1e-7 ? 1e-7 : 1e-5);
  });

  it('with a variance smaller than the difference of the epsilons', async () => {
    // The variance of a norm without epsilon is below the 1e-5 of the others; gamma is such that the scale stays.
    const total = 1e-6;
    const scale = change(
      'scale',
      (g, c) => (g * Math.sqrt(total)) / Math.sqrt((valuesOf(`${A}.variance`).values[c] ?? 0) + 1e-5),
    );
    await expectSame(
      edited(CIFAR, { [A]: { attributes: { epsilon: { float: 0 } } } }, [scale, change('variance', () => total)]),
    );
  });

  it('as norm, Mul and Add (Caffe)', async () => {
    const half = change('scale', () => 0.5, 'half');
    const one = change('shift', () => 1, 'one');
    const spread = (tensor: TensorSpec): TensorSpec => ({ ...tensor, dims: [INIT, 1, 1] });
    const parts = [
      node('part', 'BatchNormalization', ['stem', ...norm(A)], { epsilon: { float: 1e-5 } }),
      node('times', 'Mul', ['part', 'half']),
      node(A, 'Add', ['one', 'times']),
    ];
    await expectSame(
      edited(CIFAR, { [A]: parts }, [
        spread(half),
        spread(one),
        change('scale', (g) => 2 * g),
        change('shift', (b) => 2 * (b - 1)),
      ]),
    );
  });

  it('as Mul and Sub alone', async () => {
    const [g, m, v] = ['scale', 'mean', 'variance'].map((leaf) => valuesOf(`${A}.${leaf}`).values);
    const slope = (c: number) => (g?.[c] ?? 0) / Math.sqrt((v?.[c] ?? 0) + Math.fround(1e-5));
    const vectors = [
      change('scale', (_, c) => slope(c), 'slope'),
      change('shift', (b, c) => (m?.[c] ?? 0) * slope(c) - b, 'less'),
    ];
    const parts = [node('times', 'Mul', ['stem', 'slope']), node(A, 'Sub', ['times', 'less'])];
    await expectSame(
      edited(
        CIFAR,
        { [A]: parts },
        vectors.map((tensor) => ({ ...tensor, dims: [1, INIT, 1, 1] })),
      ),
    );
  });
});
