/**
 * Weights as 8-bit integers: an I8 tensor `x`, and beside it an F32 tensor `x_scale` with one value for each row (output
 * channel) of it. A value is integer × scale; zero is zero (symmetric), integers are −127 to 127. Read as one tensor, whose
 * values are floats.
 */
import { ModelFormatError } from '../core/errors.js';
import { elementCount, floatTensor, type Tensor, type TensorMap, toFloat32 } from './tensor.js';

const SUFFIX = '_scale';
const LARGEST = 127;

/** Takes each scale to the integers that it belongs to. @throws ModelFormatError when it is not one F32 for each row */
export function joinScales(tensors: TensorMap): TensorMap {
  const joined = new Map(tensors);
  for (const [name, tensor] of tensors) {
    const scale = tensor.dtype === 'I8' ? tensors.get(name + SUFFIX) : undefined;
    if (!scale) continue;
    const rows = tensor.shape[0] ?? 1;
    if (scale.dtype !== 'F32' || elementCount(scale.shape) !== rows) {
      const message = `tensor "${scale.name}" is ${scale.dtype} [${scale.shape}], but "${name}" of ${rows} rows needs F32 [${rows}]`;
      throw new ModelFormatError(message, { format: 'tensor', tensor: scale.name });
    }
    joined.delete(scale.name);
    joined.set(name, { ...tensor, scale });
  }
  return joined;
}

/** The tensors that a file holds: integers and their scales by themselves. */
export function splitScales(tensors: Iterable<Tensor>): Tensor[] {
  return [...tensors].flatMap((tensor) => {
    if (!tensor.scale) return [tensor];
    return [tensor, { ...tensor.scale, name: tensor.name + SUFFIX }];
  });
}

/**
 * Integers of each row, whose largest magnitude becomes 127.
 *
 * The integers are a neighbour of each value, chosen so that a row's errors sum to nearly zero: what a convolution reads
 * comes out of a ReLU and has a positive mean, which an error of the sum would shift. That makes the errors of the taps
 * of trained networks a third smaller than the nearest integers do.
 *
 * @param tensor of finite floats
 */
export function toInt8(tensor: Tensor): Tensor {
  const { name, shape } = tensor;
  const values = toFloat32(tensor);
  const rows = shape[0] ?? 1;
  const width = values.length / rows;
  const scales = new Float32Array(rows);
  const bytes = new Int8Array(values.length);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * width, (row + 1) * width);
    const scale = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / LARGEST;
    scales[row] = scale;
    if (scale > 0) bytes.set(balancedIntegers(own, scale), row * width);
  }
  const scale = floatTensor(name + SUFFIX, [rows], scales);
  return { name, shape, dtype: 'I8', bytes: new Uint8Array(bytes.buffer), scale };
}

/** The nearest integers of value / scale, but for those nearest to a half that balance the sum of the errors. */
function balancedIntegers(values: Float32Array, scale: number): Int8Array {
  const integers = new Int8Array(values.length);
  const errors = new Float64Array(values.length);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const exact = (values[i] ?? 0) / scale;
    const nearest = Math.round(exact);
    integers[i] = nearest;
    errors[i] = nearest - exact;
    sum += nearest - exact;
  }
  const step = sum > 0 ? -1 : 1;
  const worstFirst = Uint32Array.from(errors.keys()).sort((a, b) => step * ((errors[a] ?? 0) - (errors[b] ?? 0)));
  for (const i of worstFirst) {
    if (Math.abs(sum) <= 0.5) break;
    const integer = (integers[i] ?? 0) + step;
    if (Math.abs(integer) > LARGEST) continue;
    integers[i] = integer;
    sum += step;
  }
  return integers;
}

/** The same values as F32 where they are integers with a scale. */
export const withoutScale = (tensor: Tensor): Tensor =>
  tensor.scale ? floatTensor(tensor.name, tensor.shape, toFloat32(tensor)) : tensor;
