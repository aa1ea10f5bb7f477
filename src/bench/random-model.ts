/**
 * A seeded random network of any architecture. The tensors are scaled so that the signal neither vanishes nor explodes,
 * which is all that measuring speed and rounding needs of the weights.
 */
import type { DenseNetConfig } from '../model/config.js';
import { unusualFacts } from '../model/derive.js';
import { expectedTensors } from '../model/tensors.js';
import { elementCount, floatTensor, type Tensor } from '../tensor/tensor.js';
import { writeModel } from '../weights/model-file.js';

/** Variance of max(0, x) for a standard normal x: 1/2 − 1/(2π). */
const RELU_VARIANCE = 0.5 - 0.5 / Math.PI;
/** The pool behind a transition averages four pixels and so halves the deviation of independent ones. */
const TRANSITION_GAIN = 2;
/** The last pool averages a whole map: without a gain the logits of different pictures would hardly differ. */
const HEAD_GAIN = 4;

/** @returns a safetensors file with canonical names; the same seed gives the same bytes */
export function randomModel(config: DenseNetConfig, seed: number): Uint8Array<ArrayBuffer> {
  const normal = seededNormal(seed);
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape, optional }] of expectedTensors(config)) {
    if (optional && name !== 'classifier.bias') continue;
    const values = new Float32Array(elementCount(shape));
    if (shape.length > 1) fillFilters(values, elementCount(shape.slice(1)), gainOf(name), normal);
    else fillVector(values, name, normal);
    tensors.set(name, floatTensor(name, shape, values));
  }
  return writeModel(tensors, {
    ...unusualFacts(config),
    name: `random weights, seed ${seed}`,
    bnEpsilon: config.bnEpsilon,
  });
}

/** Standard normal values. */
export function randomInput(length: number, seed: number): Float32Array<ArrayBuffer> {
  const normal = seededNormal(seed);
  return Float32Array.from({ length }, normal);
}

function gainOf(name: string): number {
  if (name.startsWith('features.conv0')) return Math.sqrt(RELU_VARIANCE); // its input has no ReLU
  if (name.startsWith('features.transition')) return TRANSITION_GAIN;
  return name.startsWith('classifier') ? HEAD_GAIN : 1;
}

/** Filters that sum to zero, so that the positive mean of a ReLU's output does not grow from layer to layer. */
function fillFilters(values: Float32Array, fanIn: number, gain: number, normal: () => number): void {
  const deviation = gain / Math.sqrt(RELU_VARIANCE * fanIn);
  for (let start = 0; start < values.length; start += fanIn) {
    const filter = values.subarray(start, start + fanIn);
    let sum = 0;
    for (let i = 0; i < fanIn; i++) sum += filter[i] = deviation * normal();
    const mean = sum / fanIn;
    for (let i = 0; i < fanIn; i++) filter[i] = (filter[i] ?? 0) - mean;
  }
}

function fillVector(values: Float32Array, name: string, normal: () => number): void {
  const isVariance = name.endsWith('running_var');
  const isScale = name.endsWith('weight');
  for (let i = 0; i < values.length; i++) {
    const small = 0.1 * normal();
    values[i] = isVariance ? Math.exp(small) : isScale ? 1 + small : small;
  }
}

/** Numbers from 0 to 1 of mulberry32, a 32-bit generator that every JavaScript engine runs alike. */
export function seededUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** By Box and Muller's transform. */
function seededNormal(seed: number): () => number {
  const uniform = seededUniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
