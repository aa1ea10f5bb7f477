/**
 * Operations → what the TensorFlow.js peer executes: a JSON list of operations and one file of weights in its own
 * layouts (HWIO convolutions, [in, out] matrices), so that nothing is transposed on the page.
 */
import type { Op } from './graph.js';

/** Where a tensor lies in the weights file, in floats. */
export interface StoredTensor {
  readonly offset: number;
  readonly shape: readonly number[];
}

export interface StoredOp {
  readonly op: Op['op'];
  readonly inputs: readonly string[];
  readonly output: string;
  readonly stride?: 1 | 2;
  readonly relu?: boolean;
  readonly tensors: Readonly<Record<string, StoredTensor>>;
}

export interface TfjsModel {
  readonly ops: readonly StoredOp[];
  readonly weights: Float32Array<ArrayBuffer>;
}

export function tfjsModel(ops: readonly Op[]): TfjsModel {
  const parts: Float32Array[] = [];
  let offset = 0;
  const put = (shape: readonly number[], values: Float32Array): StoredTensor => {
    const stored = { offset, shape };
    parts.push(values);
    offset += values.length;
    return stored;
  };
  const stored = ops.map((op): StoredOp => {
    const { inputs, output } = op;
    switch (op.op) {
      case 'conv': {
        const { kernel, out, stride, relu } = op;
        const weight = put([kernel, kernel, op.in, out], transposed(op.weight, out, op.in, kernel * kernel));
        return { op: 'conv', inputs, output, stride, relu, tensors: { weight, bias: put([out], op.bias) } };
      }
      case 'norm': {
        const shape = [op.scale.length];
        return { op: 'norm', inputs, output, tensors: { scale: put(shape, op.scale), shift: put(shape, op.shift) } };
      }
      case 'linear': {
        const weight = put([op.in, op.out], transposed(op.weight, op.out, op.in, 1));
        return { op: 'linear', inputs, output, tensors: { weight, bias: put([op.out], op.bias) } };
      }
      default:
        return { op: op.op, inputs, output, tensors: {} };
    }
  });
  const weights = new Float32Array(offset);
  let at = 0;
  for (const part of parts) {
    weights.set(part, at);
    at += part.length;
  }
  return { ops: stored, weights };
}

/** [out, in, pixels] → [pixels, in, out]. */
function transposed(values: Float32Array, out: number, channels: number, pixels: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let o = 0, source = 0; o < out; o++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < pixels; p++) result[(p * channels + c) * out + o] = values[source++] ?? 0;
    }
  }
  return result;
}

/** [pixels, in, out] → [out, in, pixels], for libraries whose filters are OIHW. */
export function outFirst(
  values: Float32Array,
  pixels: number,
  channels: number,
  out: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let p = 0, source = 0; p < pixels; p++) {
    for (let c = 0; c < channels; c++) {
      for (let o = 0; o < out; o++) result[(o * channels + c) * pixels + p] = values[source++] ?? 0;
    }
  }
  return result;
}

/** NCHW → NHWC. */
export function channelsLast(
  values: Float32Array,
  [batch, channels, height, width]: readonly [number, number, number, number],
): Float32Array<ArrayBuffer> {
  const plane = height * width;
  const result = new Float32Array(values.length);
  for (let n = 0, source = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      for (let p = 0; p < plane; p++) result[(n * plane + p) * channels + c] = values[source++] ?? 0;
    }
  }
  return result;
}
