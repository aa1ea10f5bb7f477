/** Keras' variables in the layouts of the rest of this project: kernels OIHW, matrices [out, in], norms of one epsilon. */
import { elementCount, floatTensor, type Tensor, toFloat32 } from '../../tensor/tensor.js';
import { formatError } from '../format-error.js';
import { refuse } from './refusals.js';
import type { StoredLayer } from './stored.js';

/** A convolution's or a Dense layer's tensors under `name`. */
export function weightTensors({ name: layer, variables }: StoredLayer, name: string): Tensor[] {
  const kernel = variables.get('kernel');
  const bias = variables.get('bias');
  if (!kernel) throw refuse(layer, 'has a bias but no kernel');
  return [channelsFirst(kernel, layer, `${name}.weight`), ...(bias ? [renamed(bias, `${name}.bias`)] : [])];
}

/**
 * A norm's tensors under `name`. Norms without scale or centre get ones and zeros.
 *
 * @param extraEpsilon by how much the layer's epsilon is above the network's one; goes into the variance
 */
export function normTensors({ name: layer, variables }: StoredLayer, name: string, extraEpsilon: number): Tensor[] {
  const [mean, variance] = [variables.get('moving_mean'), variables.get('moving_variance')];
  if (!mean || !variance) throw refuse(layer, 'has no moving mean and variance');
  const constant = (value: number) =>
    floatTensor('', mean.shape, new Float32Array(elementCount(mean.shape)).fill(value));
  const variances = Float32Array.from(toFloat32(variance), (value) => value + extraEpsilon);
  return [
    renamed(variables.get('gamma') ?? constant(1), `${name}.weight`),
    renamed(variables.get('beta') ?? constant(0), `${name}.bias`),
    renamed(mean, `${name}.running_mean`),
    extraEpsilon === 0
      ? renamed(variance, `${name}.running_var`)
      : floatTensor(`${name}.running_var`, variance.shape, variances),
  ];
}

const renamed = (tensor: Tensor, name: string): Tensor => ({ ...tensor, name });

/** [height, width, in, out] → [out, in, height, width]; [in, out] → [out, in]. */
function channelsFirst(kernel: Tensor, layer: string, name: string): Tensor {
  const [height = 1, width = 1, inputs = 0, out = 0] =
    kernel.shape.length === 2 ? [1, 1, ...kernel.shape] : kernel.shape;
  if (kernel.shape.length !== 2 && kernel.shape.length !== 4)
    throw formatError('keras')(`the kernel of "${layer}" is [${kernel.shape}]`, { tensor: layer });
  const from = toFloat32(kernel);
  const to = new Float32Array(from.length);
  // An empty kernel may be as wide as it likes.
  const area = from.length === 0 ? 0 : height * width;
  let read = 0;
  for (let tap = 0; tap < area; tap++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < out; o++) to[(o * inputs + i) * area + tap] = from[read++] ?? 0;
    }
  }
  return floatTensor(name, kernel.shape.length === 2 ? [out, inputs] : [out, inputs, height, width], to);
}
