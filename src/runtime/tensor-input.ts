/** Tensors as input: the check, and the way to the GPU. */

import type { TensorInput } from '../api.js';
import { TensorShapeError } from '../core/errors.js';
import type { Executable } from '../gpu/executable.js';
import { tensorBytes } from '../gpu/limits.js';
import type { Session } from '../gpu/session.js';
import { USAGE } from '../gpu/usage.js';
import type { DenseNetConfig } from '../model/config.js';
import { explained } from './apart.js';
import type { Recorder } from './job.js';

/** Whether it is a tensor at all, its shape and data fit each other and the network, and all values are finite. */
export function isInput({ data, shape }: Partial<TensorInput> = {}, config: DenseNetConfig): boolean {
  if (!Array.isArray(shape) || !(data && typeof data === 'object')) return false;
  const isWhole = shape.length === 4 && shape.every((side) => Number.isSafeInteger(side) && side > 0);
  if (!isWhole || shape[1] !== config.inChannels) return false;
  const count = shape.reduce((product, side) => product * side, 1);
  if (data instanceof Float32Array) return data.length === count && data.every(Number.isFinite);
  return (data.usage & USAGE.COPY_SRC) > 0 && data.size >= 4 * count;
}

/** What is wrong with what {@link isInput} refuses. */
export async function inputError(input: TensorInput, config: DenseNetConfig): Promise<TensorShapeError> {
  const [message, expected = '', found = ''] = await explained(({ whyNoTensor }) => whyNoTensor(input, config));
  return new TensorShapeError(message, expected, found);
}

/** Writes the data where the pack kernel reads it, or records the copy of a GPU buffer to there. */
export function feedTensor(session: Session, executable: Executable, data: Float32Array | GPUBuffer): Recorder {
  if (data instanceof Float32Array) {
    session.device.queue.writeBuffer(executable.tensor, 0, data.buffer, data.byteOffset, data.byteLength);
    return {};
  }
  const bytes = tensorBytes(executable.plan);
  return { copies: (encoder) => encoder.copyBufferToBuffer(data, 0, executable.tensor, 0, bytes) };
}
