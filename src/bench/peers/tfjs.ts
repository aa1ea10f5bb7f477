/** TensorFlow.js: the graph executed with its fused operations, weights and input already in its own layouts. */
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { INPUT, LOGITS } from '../graph.js';
import { asFloats, type Host, type Network, type Task, type TfBackend, type TfLibrary } from '../peer.js';
import { channelsLast, type StoredOp, type StoredTensor } from '../tfjs-model.js';

export async function openTfjs(
  host: Host,
  task: Task,
  backend: TfBackend,
  threads: number,
): Promise<() => Promise<Network>> {
  const tf = await host.tf(backend, threads);
  return async () => {
    if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js could not start its ${backend} backend`);
    await tf.ready();
    const ops: readonly StoredOp[] = JSON.parse(new TextDecoder().decode(await host.read(task.files.tfjs)));
    const weights = new Weights(tf, asFloats(await host.read(task.files.tfjsWeights)));
    const steps = ops.map((op) => stepOf(tf, op, weights));
    const [batch, channels, height, width] = task.shape;
    const input = channelsLast(asFloats(await host.read(task.files.input)), task.shape);
    return {
      async run() {
        const logits = tf.tidy(() => {
          const values: Values = { maps: new Map(), vectors: new Map() };
          values.maps.set(INPUT, tf.tensor4d(input, [batch, height, width, channels]));
          for (const step of steps) step(values);
          return take(values.vectors, LOGITS);
        });
        const data = await logits.data<'float32'>();
        logits.dispose();
        return data;
      },
    };
  };
}

interface Values {
  readonly maps: Map<string, Tensor4D>;
  readonly vectors: Map<string, Tensor>;
}

/** One operation with its weights uploaded. */
function stepOf(tf: TfLibrary, op: StoredOp, weights: Weights): (values: Values) => void {
  const [first = '', second = ''] = op.inputs;
  const mapStep = (compute: (map: Tensor4D, values: Values) => Tensor4D) => (values: Values) =>
    void values.maps.set(op.output, compute(take(values.maps, first), values));
  switch (op.op) {
    case 'conv': {
      const filter = weights.filter(op.tensors.weight);
      const bias = weights.vector(op.tensors.bias);
      const fixed = { filter, bias, strides: op.stride ?? 1, pad: (filter.shape[0] - 1) / 2 };
      const activation = op.relu ? 'relu' : 'linear';
      return mapStep((x) => tf.fused.conv2d({ ...fixed, x, activation }));
    }
    case 'norm': {
      const scale = weights.vector(op.tensors.scale);
      const shift = weights.vector(op.tensors.shift);
      const mean = tf.keep(tf.tensor1d(new Float32Array(scale.size)));
      const variance = tf.keep(tf.tensor1d(new Float32Array(scale.size).fill(1)));
      return mapStep((x) => tf.relu(tf.batchNorm4d(x, mean, variance, shift, scale, 0)));
    }
    case 'concat':
      return mapStep((x, { maps }) => tf.concat4d([x, take(maps, second)], 3));
    case 'maxPool':
      return mapStep((x) => tf.maxPool(x, 3, 2, 1));
    case 'averagePool':
      return mapStep((x) => tf.avgPool(x, 2, 2, 'valid'));
    case 'globalAverage':
      return ({ maps, vectors }) => void vectors.set(op.output, tf.mean(take(maps, first), [1, 2]));
    case 'linear': {
      const b = weights.matrix(op.tensors.weight);
      const bias = weights.vector(op.tensors.bias);
      return ({ vectors }) => void vectors.set(op.output, tf.fused.matMul({ a: take(vectors, first), b, bias }));
    }
  }
}

/** Uploads stored tensors, to stay. */
class Weights {
  constructor(
    private readonly tf: TfLibrary,
    private readonly values: Float32Array,
  ) {}

  vector(stored: StoredTensor | undefined): Tensor1D {
    return this.tf.keep(this.tf.tensor1d(this.slice(stored)));
  }

  matrix(stored: StoredTensor | undefined): Tensor {
    const [rows = 0, columns = 0] = stored?.shape ?? [];
    return this.tf.keep(this.tf.tensor2d(this.slice(stored), [rows, columns]));
  }

  filter(stored: StoredTensor | undefined): Tensor4D {
    const [height = 0, width = 0, channels = 0, out = 0] = stored?.shape ?? [];
    return this.tf.keep(this.tf.tensor4d(this.slice(stored), [height, width, channels, out]));
  }

  private slice(stored: StoredTensor | undefined): Float32Array {
    if (!stored) throw new Error('the TensorFlow.js model lacks a weight');
    const count = stored.shape.reduce((product, dimension) => product * dimension, 1);
    return this.values.slice(stored.offset, stored.offset + count);
  }
}

function take<T>(values: ReadonlyMap<string, T>, name: string): T {
  const value = values.get(name);
  if (value === undefined) throw new Error(`nothing has computed ${name}`);
  return value;
}
