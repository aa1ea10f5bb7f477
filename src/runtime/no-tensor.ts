/** Why something is no input for a network, and what to do: said once `inputs.ts` has refused it. */
import { USAGE } from '../gpu/usage.js';
import type { DenseNetConfig } from '../model/config.js';

/** The fields of a TensorShapeError. */
type Misfit = readonly [message: string, expected: string, found: string];

export function whyNoTensor(input: unknown, config: DenseNetConfig): Misfit {
  const { data, shape } = fieldsOf(input);
  const isBuffer = typeof data === 'object' && data !== null && 'size' in data && 'usage' in data;
  if (!Array.isArray(shape) || !(data instanceof Float32Array || isBuffer)) {
    const expected = '{ data: Float32Array or GPUBuffer, shape: [N, C, H, W] }';
    const found = `data ${kindOf(data)}, shape ${kindOf(shape)}`;
    return [`a tensor is ${expected}, not ${found}`, expected, found];
  }
  if (isBuffer && !(Number(data.usage) & USAGE.COPY_SRC)) {
    const message = "the tensor's buffer cannot be copied from: create it with GPUBufferUsage.COPY_SRC";
    return [message, 'COPY_SRC', `usage ${data.usage}`];
  }
  const found = `[${shape.join(', ')}]`;
  const isWhole = shape.length === 4 && shape.every((side) => Number.isSafeInteger(side) && side > 0);
  if (!isWhole || shape[1] !== config.inChannels) {
    const expected = `[N, ${config.inChannels}, H, W]`;
    return [`the network takes ${expected}, not ${found}`, expected, found];
  }
  const count = shape.reduce((product, side) => product * side, 1);
  const values = data instanceof Float32Array ? data.length : isBuffer ? Number(data.size) / 4 : 0;
  if (values !== count) {
    const message = `a tensor of shape ${found} has ${count} values, but the data has ${values}`;
    return [message, String(count), String(values)];
  }
  const bad = data instanceof Float32Array ? data.findIndex((value) => !Number.isFinite(value)) : -1;
  const value = data instanceof Float32Array ? String(data[bad]) : '';
  return [`the tensor holds ${value} at index ${bad}: inputs must be finite`, 'finite values', value];
}

/** What the types promise, for callers without types. */
const fieldsOf = (input: unknown): { readonly data?: unknown; readonly shape?: unknown } =>
  typeof input === 'object' && input !== null ? input : {};

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'object') : String(value);
}
