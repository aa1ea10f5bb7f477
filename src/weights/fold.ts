/**
 * Folds every batch norm, in double precision, into what the kernels compute: a scale and a shift where the norm stands
 * before the convolution, the convolution's own weights and bias where it stands behind.
 *
 * BN(x) = gamma · (x − mean) / sqrt(var + epsilon) + beta = scale · x + shift.
 */
import { ModelFormatError } from '../core/errors.js';
import type { DenseNetConfig } from '../model/config.js';
import type { ConvFold, FoldedModel, HeadFold, LayerFold, NormFold, TransitionFold } from '../model/model.js';
import { names } from '../model/tensors.js';
import { type TensorMap, toFloats } from '../tensor/tensor.js';

/** A norm as scale and shift in double precision. */
interface Affine {
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/**
 * The parts of a network, each folded when it is asked for: only its own tensors need be there by then. `b` and `i` count
 * from 1. All throw ModelFormatError naming the tensor that is absent, not finite, or a negative variance.
 */
export interface Folds {
  stem(): ConvFold;
  layer(b: number, i: number): LayerFold;
  transition(b: number): TransitionFold;
  head(): HeadFold;
}

/** @param tensors by canonical name, already checked against `config` */
export function foldsOf(tensors: TensorMap, config: DenseNetConfig): Folds {
  const source: Source = { tensors, epsilon: config.bnEpsilon };
  return {
    stem: () => foldConv(source, names.stemConv, config.stemNorm ? readNorm(source, names.stemNorm) : null),
    layer: (b, i) => foldLayer(source, config, b, i),
    transition: (b) => foldTransition(source, b),
    head: () => ({
      norm: toFold(readNorm(source, names.finalNorm)),
      hidden: (config.hidden ?? []).map(({ width, activation }, index) => ({
        ...foldDense(source, names.hidden(index + 1), width),
        activation,
      })),
      ...(config.classes > 0 ? foldDense(source, names.classifier, config.classes) : NO_CLASSIFIER),
    }),
  };
}

const NO_CLASSIFIER = { weight: new Float32Array(0), bias: new Float32Array(0) };

/** All parts at once. Throws as {@link Folds} do. */
export function foldModel(tensors: TensorMap, config: DenseNetConfig): FoldedModel {
  const folds = foldsOf(tensors, config);
  const blocks = config.blocks.map((layers, index) => ({
    layers: Array.from({ length: layers }, (_, i) => folds.layer(index + 1, i + 1)),
    transition: index < config.transitions.length ? folds.transition(index + 1) : null,
  }));
  return { config, stem: folds.stem(), blocks, head: folds.head() };
}

interface Source {
  readonly tensors: TensorMap;
  readonly epsilon: number;
}

function foldLayer(source: Source, config: DenseNetConfig, b: number, i: number): LayerFold {
  const norm = toFold(readNorm(source, names.layer(b, i, 'norm1')));
  if (config.bottleneck === null) {
    return { norm, reduce: null, conv: foldConv(source, names.layer(b, i, 'conv1'), null) };
  }
  const reduce = foldConv(source, names.layer(b, i, 'conv1'), readNorm(source, names.layer(b, i, 'norm2')));
  return { norm, reduce, conv: foldConv(source, names.layer(b, i, 'conv2'), null) };
}

/** The pool that follows commutes with the convolution and its bias, so it needs no word here. */
function foldTransition(source: Source, b: number): TransitionFold {
  const norm = toFold(readNorm(source, names.transition(b, 'norm')));
  return { norm, conv: foldConv(source, names.transition(b, 'conv'), null) };
}

/** A convolution and, if one stands behind it, its norm: w' = scale · w, bias' = scale · bias + shift. */
function foldConv(source: Source, name: string, norm: Affine | null): ConvFold {
  const weight = numbers(source, `${name}.weight`);
  const bias = optionalFloats(source, `${name}.bias`);
  const [out = 0, channels = 0, kernel] = source.tensors.get(`${name}.weight`)?.shape ?? [];
  if (kernel !== 1 && kernel !== 3 && kernel !== 7) throw wrong(`${name}.weight`, `has kernel size ${kernel}`);
  if (!norm) return { out, in: channels, kernel, weight: toSingle(weight), bias: bias ?? new Float32Array(out) };
  const foldedBias = Float32Array.from(norm.shift, (shift, o) => shift + (bias?.[o] ?? 0) * (norm.scale[o] ?? 0));
  return { out, in: channels, kernel, weight: scaleRows(weight, norm.scale), bias: foldedBias };
}

function foldDense(source: Source, name: string, width: number): { weight: Float32Array; bias: Float32Array } {
  return {
    weight: floats(source, `${name}.weight`),
    bias: optionalFloats(source, `${name}.bias`) ?? new Float32Array(width),
  };
}

/** Multiplies each output channel's weights by its scale. A loop: `from` with a function takes ten times as long. */
function scaleRows(weight: Float32Array | Float64Array, scale: Float64Array): Float32Array {
  const folded = new Float32Array(weight.length);
  const each = weight.length / scale.length;
  let index = 0;
  for (const factor of scale) {
    for (const end = index + each; index < end; index++) folded[index] = (weight[index] ?? 0) * factor;
  }
  return folded;
}

function readNorm(source: Source, name: string): Affine {
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((leaf) =>
    numbers(source, `${name}.${leaf}`),
  );
  if (!gamma || !beta || !mean || !variance) throw wrong(name, 'is incomplete');
  const negative = variance.findIndex((value) => value < 0);
  if (negative >= 0) throw wrong(`${name}.running_var`, `has a negative variance, ${variance[negative]}`);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt((variance[c] ?? 0) + source.epsilon));
  const shift = Float64Array.from(beta, (value, c) => value - (mean[c] ?? 0) * (scale[c] ?? 0));
  if (!scale.every(Number.isFinite)) throw wrong(`${name}.running_var`, 'is zero where epsilon is zero');
  return { scale, shift };
}

function toFold({ scale, shift }: Affine): NormFold {
  return { scale: Float32Array.from(scale), shift: Float32Array.from(shift) };
}

function floats(source: Source, name: string): Float32Array {
  return toSingle(numbers(source, name));
}

function toSingle(values: Float32Array | Float64Array): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function optionalFloats(source: Source, name: string): Float32Array | null {
  return source.tensors.has(name) ? floats(source, name) : null;
}

/** The checked values; F64 keeps its precision. */
function numbers(source: Source, name: string): Float32Array | Float64Array {
  const tensor = source.tensors.get(name);
  if (!tensor) throw wrong(name, 'is missing');
  const values = toFloats(tensor);
  // NaN and infinities survive a sum of products with zero, which is several times quicker than asking each value.
  let poison = 0;
  for (let i = 0; i < values.length; i++) poison += (values[i] ?? 0) * 0;
  if (!Number.isFinite(poison)) {
    const index = values.findIndex((value) => !Number.isFinite(value));
    throw wrong(name, `has ${values[index]} at element ${index}`);
  }
  return values;
}

function wrong(tensor: string, what: string): ModelFormatError {
  return new ModelFormatError(`tensor "${tensor}" ${what}`, { format: 'tensor', tensor });
}
