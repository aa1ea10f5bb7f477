/** Tensors as input: the check, and the way to the GPU. */
import type { TensorInput } from '../api.js';
import { TensorShapeError } from '../core/errors.js';
import { copyBuffer } from '../gpu/copy-input.js';
import type { Executable } from '../gpu/executable.js';
import type { Session } from '../gpu/session.js';
import { USAGE } from '../gpu/usage.js';
import type { DenseNetConfig } from '../model/config.js';
import type { Recorder } from './job.js';

/**
 * Checks that `input` is a tensor, that its shape fits its data and the network, and that all values are finite.
 *
 * @throws TensorShapeError naming what was expected and what was found
 */
export function checkTensorInput(input: TensorInput, config: DenseNetConfig): void {
  const { data, shape } = fieldsOf(input);
  const isBuffer = typeof data === 'object' && data !== null && 'size' in data && 'usage' in data;
  if (!Array.isArray(shape) || !(data instanceof Float32Array || isBuffer)) {
    const expected = '{ data: Float32Array or GPUBuffer, shape: [N, C, H, W] }';
    const found = `data ${kindOf(data)}, shape ${kindOf(shape)}`;
    throw new TensorShapeError(`a tensor is ${expected}, not ${found}`, expected, found);
  }
  if (isBuffer && !(Number(data.usage) & USAGE.COPY_SRC)) {
    const message = "the tensor's buffer cannot be copied from: create it with GPUBufferUsage.COPY_SRC";
    throw new TensorShapeError(message, 'COPY_SRC', `usage ${data.usage}`);
  }
  const found = `[${shape.join(', ')}]`;
  const isWhole = shape.length === 4 && Array.from(shape).every((side) => Number.isSafeInteger(side) && side > 0);
  if (!isWhole || shape[1] !== config.inChannels) {
    const expected = `[N, ${config.inChannels}, H, W]`;
    throw new TensorShapeError(`the network takes ${expected}, not ${found}`, expected, found);
  }
  const count = shape.reduce((product, side) => product * side, 1);
  const values = data instanceof Float32Array ? data.length : Math.floor(Number(data.size) / 4);
  if (isBuffer ? values < count : values !== count) {
    const message = `a tensor of shape ${found} has ${count} values, but the data has ${values}`;
    throw new TensorShapeError(message, String(count), String(values));
  }
  if (!(data instanceof Float32Array) || data.every(Number.isFinite)) return;
  const bad = data.findIndex((value) => !Number.isFinite(value));
  const value = String(data[bad]);
  throw new TensorShapeError(
    `the tensor holds ${value} at index ${bad}: inputs must be finite`,
    'finite values',
    value,
  );
}

/** What the types promise, for callers without types. */
const fieldsOf = (input: unknown): { readonly data?: unknown; readonly shape?: unknown } =>
  typeof input === 'object' && input !== null ? input : {};

function kindOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'object') : String(value);
}

/** A tensor's data as it was at the call; a GPU buffer's is copied on the GPU. */
export type CapturedTensor = Float32Array | Promise<GPUBuffer>;

/** Copies the data, so that the caller can reuse or transfer it at once. @param what the public method, for messages */
export function captureTensor({ resources }: Session, what: string, { data, shape }: TensorInput): CapturedTensor {
  if (data instanceof Float32Array) return data.slice();
  const count = shape.reduce((product, side) => product * side, 1);
  const copy = copyBuffer(resources, what, data, 4 * count);
  copy.catch(() => {}); // whoever feeds it handles it
  return copy;
}

/** Writes the data where the pack kernel reads it, or records the copy of a GPU buffer to there. */
export async function feedTensor(session: Session, executable: Executable, data: CapturedTensor): Promise<Recorder> {
  if (data instanceof Float32Array) {
    session.device.queue.writeBuffer(executable.tensor, 0, data.buffer, data.byteOffset, data.byteLength);
    return {};
  }
  const copy = await data;
  return { copies: (encoder) => encoder.copyBufferToBuffer(copy, 0, executable.tensor, 0, copy.size) };
}
