/** Keras' variables in the layouts of the rest of this project: kernels OIHW, matrices [out, in]. */
import { elementCount, floatTensor, type Tensor, toFloat32 } from '../../tensor/tensor.js';
import { formatError } from '../format-error.js';
import { refuse } from './refusals.js';
import type { StoredLayer } from './stored.js';

/**
 * A layer's tensors by `layer/variable`. Norms without scale or centre get ones and zeros.
 *
 * @throws ModelFormatError when one of them is missing
 */
export function layerTensors({ name, variables }: StoredLayer): Tensor[] {
  const [mean, variance] = [variables.get('moving_mean'), variables.get('moving_variance')];
  const isNorm = mean !== undefined || variance !== undefined || variables.has('gamma');
  if (isNorm) {
    if (!mean || !variance) throw refuse(name, 'has no moving mean and variance');
    const constant = (value: number) =>
      floatTensor('', mean.shape, new Float32Array(elementCount(mean.shape)).fill(value));
    return [
      renamed(variables.get('gamma') ?? constant(1), `${name}/gamma`),
      renamed(variables.get('beta') ?? constant(0), `${name}/beta`),
      renamed(mean, `${name}/moving_mean`),
      renamed(variance, `${name}/moving_variance`),
    ];
  }
  const kernel = variables.get('kernel');
  if (!kernel && variables.has('bias')) throw refuse(name, 'has a bias but no kernel');
  return [...variables].map(([variable, tensor]) =>
    variable === 'kernel' ? channelsFirst(tensor, name, `${name}/kernel`) : renamed(tensor, `${name}/${variable}`),
  );
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
