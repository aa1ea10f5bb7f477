/** jax-js: the graph as one function, which `jit` compiles; the weights are constants of it. */
import type * as Jax from '@jax-js/jax';
import { INPUT, LOGITS } from '../graph.js';
import { asFloats, type Host, type JaxLibrary, type Network, type Task } from '../peer.js';
import { outFirst, type StoredOp, type StoredTensor } from '../tfjs-model.js';

export async function openJax(host: Host, task: Task): Promise<() => Promise<Network>> {
  const jax = await host.jax();
  return async () => {
    if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('jax-js could not start its WebGPU backend');
    jax.defaultDevice('webgpu');
    const ops: readonly StoredOp[] = JSON.parse(new TextDecoder().decode(await host.read(task.files.tfjs)));
    const weights = asFloats(await host.read(task.files.tfjsWeights));
    const steps = ops.map((op) => stepOf(jax, op, weights));
    const forward = jax.jit((image: Jax.Array) => {
      const values = new Map([[INPUT, image]]);
      for (const step of steps) step(values);
      return take(values, LOGITS);
    });
    const input = asFloats(await host.read(task.files.input));
    return {
      async run() {
        const data = await forward(jax.numpy.array(input, { shape: [...task.shape] })).data();
        if (data instanceof Float32Array) return data;
        throw new Error('jax-js gave no float32 logits');
      },
    };
  };
}

type Values = Map<string, Jax.Array>;

/** One operation with its weights uploaded. Maps are NCHW. */
function stepOf(jax: JaxLibrary, op: StoredOp, weights: Float32Array): (values: Values) => void {
  const { lax, nn, numpy } = jax;
  const [first = '', second = ''] = op.inputs;
  const step = (compute: (map: Jax.Array, values: Values) => Jax.Array) => (values: Values) =>
    void values.set(op.output, compute(take(values, first), values));
  const perChannel = (name: string) => {
    const values = sliceOf(weights, op, name);
    return numpy.array(values, { shape: [1, values.length, 1, 1] });
  };
  switch (op.op) {
    case 'conv': {
      const [height = 1, width = 1, channels = 1, out = 1] = op.tensors.weight?.shape ?? [];
      const filter = outFirst(sliceOf(weights, op, 'weight'), height * width, channels, out);
      const weight = numpy.array(filter, { shape: [out, channels, height, width] });
      const bias = perChannel('bias');
      const stride = op.stride ?? 1;
      const pad = (height - 1) / 2;
      return step((x) => {
        const sum = lax
          .convGeneralDilated(
            x,
            weight.ref,
            [stride, stride],
            [
              [pad, pad],
              [pad, pad],
            ],
          )
          .add(bias.ref);
        return op.relu ? nn.relu(sum) : sum;
      });
    }
    case 'norm': {
      const scale = perChannel('scale');
      const shift = perChannel('shift');
      return step((x) => nn.relu(x.mul(scale.ref).add(shift.ref)));
    }
    case 'concat':
      return step((x, values) => numpy.concatenate([x, take(values, second)], 1));
    case 'maxPool':
      return step((x) => {
        const padded = numpy.pad(x, [
          [0, 0],
          [0, 0],
          [1, 1],
          [1, 1],
        ]);
        return lax.reduceWindow(padded, (window) => numpy.max(window), [3, 3], [2, 2]);
      });
    case 'averagePool':
      return step((x) => lax.reduceWindow(x, (window) => numpy.mean(window), [2, 2], [2, 2]));
    case 'globalAverage':
      return step((x) => numpy.mean(x, [2, 3]));
    case 'linear': {
      const shape = [...(op.tensors.weight?.shape ?? [])];
      const weight = numpy.array(sliceOf(weights, op, 'weight'), { shape });
      const bias = numpy.array(sliceOf(weights, op, 'bias'));
      return step((x) => numpy.matmul(x, weight.ref).add(bias.ref));
    }
  }
}

function sliceOf(weights: Float32Array, { op, tensors }: StoredOp, name: string): Float32Array<ArrayBuffer> {
  const stored: StoredTensor | undefined = tensors[name];
  if (!stored) throw new Error(`the model lacks the ${name} of a ${op}`);
  const count = stored.shape.reduce((product, dimension) => product * dimension, 1);
  return new Float32Array(weights.subarray(stored.offset, stored.offset + count));
}

/** Another use of a value: each use takes one reference. */
function take(values: Values, name: string): Jax.Array {
  const value = values.get(name);
  if (value === undefined) throw new Error(`nothing has computed ${name}`);
  return value.ref;
}
