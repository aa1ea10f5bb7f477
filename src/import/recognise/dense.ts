/** Dense layers of the head in double precision: what stands between them is folded into them, exactly. */
import { names } from '../../model/tensors.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Dense } from './graph-state.js';

export interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/**
 * @param weight [out, in]
 * @param before what is done to the layer's input: W · (scale · x + shift) = (W · scale) · x + W · shift
 */
export function dense(weight: ArrayLike<number>, bias: ArrayLike<number>, before: Affine | null): Dense {
  const out = bias.length;
  const into = weight.length / out;
  const folded = { weight: Float64Array.from(weight), bias: Float64Array.from(bias) };
  if (before) {
    for (let o = 0; o < out; o++) {
      let sum = folded.bias[o] ?? 0;
      for (let i = 0; i < into; i++) {
        const value = folded.weight[o * into + i] ?? 0;
        sum += value * (before.shift[i] ?? 0);
        folded.weight[o * into + i] = value * (before.scale[i] ?? 0);
      }
      folded.bias[o] = sum;
    }
  }
  return { ...folded, width: out, activation: 'none' };
}

/** Layers so far, and what the next one has to take in. */
export interface DenseChain {
  readonly layers: readonly Dense[];
  readonly pending: Affine | null;
}

/** Scale and shift of every value: into the layer before where it has no activation, else into the next. */
export function normBehind<Chain extends DenseChain>(state: Chain, scale: Float64Array, shift: Float64Array): Chain {
  const last = state.layers.at(-1);
  if (last?.activation === 'none' && !state.pending) {
    const into = last.weight.length / last.width;
    const weight = last.weight.map((value, i) => value * (scale[Math.floor(i / into)] ?? Number.NaN));
    const bias = last.bias.map((value, o) => value * (scale[o] ?? Number.NaN) + (shift[o] ?? Number.NaN));
    return { ...state, layers: [...state.layers.slice(0, -1), { ...last, weight, bias }] };
  }
  const { pending } = state;
  if (!pending) return { ...state, pending: { scale, shift } };
  return {
    ...state,
    pending: {
      scale: pending.scale.map((value, i) => value * (scale[i] ?? Number.NaN)),
      shift: pending.shift.map((value, i) => value * (scale[i] ?? Number.NaN) + (shift[i] ?? Number.NaN)),
    },
  };
}

/** Multiplications that joining two layers may take: some seconds are more than one layer less is worth. */
const MOST_PRODUCTS = 2 ** 28;

/** Two layers without an activation between them are one: (B · A) · x + (B · a + b). */
export function joinLinear(layers: readonly Dense[]): readonly Dense[] {
  const joined: Dense[] = [];
  for (const layer of layers) {
    const before = joined.at(-1);
    const isJoined = before?.activation === 'none' && layer.width * before.weight.length <= MOST_PRODUCTS;
    if (isJoined) joined.pop();
    joined.push(isJoined ? product(before, layer) : layer);
  }
  return joined;
}

function product(first: Dense, second: Dense): Dense {
  const [into, middle, out] = [first.weight.length / first.width, first.width, second.width];
  const weight = new Float64Array(out * into);
  const bias = Float64Array.from(second.bias);
  for (let o = 0; o < out; o++) {
    for (let m = 0; m < middle; m++) {
      const factor = second.weight[o * middle + m] ?? 0;
      bias[o] = (bias[o] ?? 0) + factor * (first.bias[m] ?? 0);
      for (let i = 0; i < into; i++)
        weight[o * into + i] = (weight[o * into + i] ?? 0) + factor * (first.weight[m * into + i] ?? 0);
    }
  }
  return { ...second, weight, bias };
}

/**
 * Leaky ReLUs of other slopes as ReLUs: f(x) = ReLU(x) − slope · ReLU(−x), which a layer of twice the width and the next
 * one compute exactly.
 */
export function withoutSlopes(layers: readonly Dense[]): readonly Dense[] {
  return layers.map((layer, index) => {
    const above = layers[index - 1];
    const next = above?.slope === undefined ? layer : takingMirrored(layer, above.slope);
    return next.slope === undefined ? next : mirrored(next);
  });
}

function mirrored({ weight, bias, width }: Dense): Dense {
  const twice = (values: Float64Array) => Float64Array.from([...values, ...values.map((value) => -value)]);
  return { weight: twice(weight), bias: twice(bias), width: 2 * width, activation: 'relu' };
}

function takingMirrored(layer: Dense, slope: number): Dense {
  const into = layer.weight.length / layer.width;
  const weight = new Float64Array(2 * layer.weight.length);
  for (const [index, value] of layer.weight.entries()) {
    const at = 2 * into * Math.floor(index / into) + (index % into);
    weight[at] = value;
    weight[at + into] = -slope * value;
  }
  return { ...layer, weight };
}

/** The same head for averages in front of maxima, where the source joins them the other way round. */
export function averagesFirst(layers: readonly Dense[]): readonly Dense[] {
  const [first, ...others] = layers;
  if (!first) return layers;
  const into = first.weight.length / first.width;
  const weight = first.weight.map((_, index) => {
    const [row, column] = [Math.floor(index / into), index % into];
    return first.weight[row * into + ((column + into / 2) % into)] ?? Number.NaN;
  });
  return [{ ...first, weight }, ...others];
}

/** By canonical names. */
export function headTensors(layers: readonly Dense[]): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const put = (name: string, values: Float64Array, shape: readonly number[]) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    tensors.set(name, { name, dtype: 'F64', shape, bytes });
  };
  for (const [index, { weight, bias, width }] of layers.entries()) {
    const name = index === layers.length - 1 ? names.classifier : names.hidden(index + 1);
    put(`${name}.weight`, weight, [width, weight.length / width]);
    put(`${name}.bias`, bias, [width]);
  }
  return tensors;
}
