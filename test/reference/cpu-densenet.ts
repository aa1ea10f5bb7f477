/**
 * A DenseNet forward pass in plain TypeScript and double precision, the reference for the kernels. Written to be
 * obviously right; it shares only `FoldedModel` with the code under test.
 */
import { type HeadActivation, type Pooling, stemOf } from '../../src/model/config.js';
import type { ConvFold, DenseFold, FoldedModel, NormFold } from '../../src/model/model.js';

/** Channels × height × width of one picture, row-major. */
interface FeatureMap {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly values: Float64Array;
}

export interface Tap {
  /** [N, C, H, W], or [N, C] for `pooled` and `logits`. */
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/**
 * @param input NCHW
 * @returns `stem` (after its pool), `block1`… (all channels), `final` (after the last norm and ReLU), `pooled`, `logits`
 */
export function forward(
  model: FoldedModel,
  input: ArrayLike<number>,
  [batch, channels, height, width]: readonly [number, number, number, number],
): Map<string, Tap> {
  const size = channels * height * width;
  const pictures = Array.from({ length: batch }, (_, n) => {
    const values = Float64Array.from({ length: size }, (_, i) => input[n * size + i] ?? Number.NaN);
    return forwardOne(model, { channels, height, width, values });
  });
  const taps = new Map<string, Tap>();
  for (const [name, first] of pictures[0] ?? []) {
    const values = pictures.flatMap((picture) => [...(picture.get(name)?.values ?? [])]);
    const isVector = name === 'pooled' || name === 'logits';
    const shape = isVector ? [batch, first.channels] : [batch, first.channels, first.height, first.width];
    taps.set(name, { shape, values: Float64Array.from(values) });
  }
  return taps;
}

function forwardOne(model: FoldedModel, picture: FeatureMap): Map<string, FeatureMap> {
  const { config, stem, blocks, head } = model;
  const taps = new Map<string, FeatureMap>();
  const { stride, pool } = stemOf(config);
  let x = convolve(picture, stem, stride);
  if (config.stemNorm) x = relu(x);
  if (pool) x = maxPool(x);
  taps.set('stem', x);
  for (const [b, { layers, transition }] of blocks.entries()) {
    for (const { norm, reduce, conv } of layers) {
      const activated = normRelu(x, norm);
      const narrow = reduce ? relu(convolve(activated, reduce, 1)) : activated;
      x = concatenate(x, convolve(narrow, conv, 1));
    }
    taps.set(`block${b + 1}`, x);
    if (transition) x = averagePool(convolve(normRelu(x, transition.norm), transition.conv, 1));
  }
  const final = config.finalRelu === false ? normed(x, head.norm) : normRelu(x, head.norm);
  const pooled = globalPool(final, config.pooling ?? 'average');
  taps.set('final', final).set('pooled', pooled);
  const hidden = head.hidden.reduce(
    (vector, layer) => activate(linear(vector, layer.weight, layer.bias), layer),
    pooled,
  );
  return config.classes > 0 ? taps.set('logits', linear(hidden, head.weight, head.bias)) : taps;
}

export const ACTIVATIONS: Readonly<Record<HeadActivation, (x: number) => number>> = {
  none: (x) => x,
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  'gelu-tanh': (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  'leaky-relu': (x) => (x > 0 ? x : 0.01 * x),
};

/** By its Taylor series, which converges everywhere; enough terms for arguments up to 6. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [sum, term] = [x, x];
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function activate(x: FeatureMap, { activation }: DenseFold): FeatureMap {
  return { ...x, values: x.values.map(ACTIVATIONS[activation]) };
}

/** Averages, maxima, or averages and then maxima. */
function globalPool(x: FeatureMap, pooling: Pooling): FeatureMap {
  const size = x.height * x.width;
  const averages = globalAverage(x);
  if (pooling === 'average') return averages;
  const maxima = Float64Array.from({ length: x.channels }, (_, c) =>
    Math.max(...x.values.subarray(c * size, (c + 1) * size)),
  );
  const max = { ...averages, values: maxima };
  return pooling === 'max' ? max : concatenate(averages, max);
}

function normed(x: FeatureMap, { scale, shift }: NormFold): FeatureMap {
  const size = x.height * x.width;
  return {
    ...x,
    values: x.values.map((value, i) => value * at(scale, Math.floor(i / size)) + at(shift, Math.floor(i / size))),
  };
}

/** Zero-padded so that stride 1 keeps the size. */
function convolve(x: FeatureMap, { out, in: channels, kernel, weight, bias }: ConvFold, stride: number): FeatureMap {
  const pad = (kernel - 1) / 2;
  const height = Math.floor((x.height + 2 * pad - kernel) / stride) + 1;
  const width = Math.floor((x.width + 2 * pad - kernel) / stride) + 1;
  const values = new Float64Array(out * height * width);
  for (let o = 0; o < out; o++) {
    values.fill(at(bias, o), o * height * width, (o + 1) * height * width);
    for (let c = 0; c < channels; c++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const w = at(weight, ((o * channels + c) * kernel + ky) * kernel + kx);
          for (let row = 0; row < height; row++) {
            const y = row * stride + ky - pad;
            if (y < 0 || y >= x.height) continue;
            const source = (c * x.height + y) * x.width + kx - pad;
            const target = (o * height + row) * width;
            for (let column = 0; column < width; column++) {
              const position = column * stride + kx - pad;
              if (position < 0 || position >= x.width) continue;
              values[target + column] = at(values, target + column) + w * at(x.values, source + column * stride);
            }
          }
        }
      }
    }
  }
  return { channels: out, height, width, values };
}

function normRelu(x: FeatureMap, { scale, shift }: NormFold): FeatureMap {
  const size = x.height * x.width;
  const values = x.values.map((value, i) => {
    const c = Math.floor(i / size);
    return Math.max(0, value * at(scale, c) + at(shift, c));
  });
  return { ...x, values };
}

function relu(x: FeatureMap): FeatureMap {
  return { ...x, values: x.values.map((value) => Math.max(0, value)) };
}

function concatenate(a: FeatureMap, b: FeatureMap): FeatureMap {
  const values = new Float64Array(a.values.length + b.values.length);
  values.set(a.values);
  values.set(b.values, a.values.length);
  return { ...a, channels: a.channels + b.channels, values };
}

/** Maximum pool 3×3, stride 2, with a border of −∞. */
function maxPool(x: FeatureMap): FeatureMap {
  return pool(x, Math.ceil(x.height / 2), Math.ceil(x.width / 2), (window) => Math.max(...window), 3, 1);
}

/** 2×2, stride 2; an odd last row or column is dropped. */
function averagePool(x: FeatureMap): FeatureMap {
  const mean = (window: readonly number[]) => window.reduce((sum, value) => sum + value, 0) / 4;
  return pool(x, Math.floor(x.height / 2), Math.floor(x.width / 2), mean, 2, 0);
}

function pool(
  x: FeatureMap,
  height: number,
  width: number,
  combine: (window: readonly number[]) => number,
  kernel: number,
  pad: number,
): FeatureMap {
  const values = new Float64Array(x.channels * height * width);
  for (let c = 0, i = 0; c < x.channels; c++) {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++, i++) {
        const window: number[] = [];
        for (let y = 2 * row - pad; y < 2 * row - pad + kernel; y++) {
          for (let z = 2 * column - pad; z < 2 * column - pad + kernel; z++) {
            if (y >= 0 && y < x.height && z >= 0 && z < x.width)
              window.push(at(x.values, (c * x.height + y) * x.width + z));
          }
        }
        values[i] = combine(window);
      }
    }
  }
  return { channels: x.channels, height, width, values };
}

function globalAverage(x: FeatureMap): FeatureMap {
  const size = x.height * x.width;
  const values = Float64Array.from({ length: x.channels }, (_, c) => {
    const channel = x.values.subarray(c * size, (c + 1) * size);
    return channel.reduce((sum, value) => sum + value, 0) / size;
  });
  return { channels: x.channels, height: 1, width: 1, values };
}

function linear(x: FeatureMap, weight: Float32Array, bias: Float32Array): FeatureMap {
  const values = Float64Array.from(bias, (start, o) =>
    x.values.reduce((sum, value, c) => sum + value * at(weight, o * x.channels + c), start),
  );
  return { channels: bias.length, height: 1, width: 1, values };
}

/** Reads an element; NaN outside the array, so that a mistake shows in the result. */
function at(values: ArrayLike<number>, index: number): number {
  return values[index] ?? Number.NaN;
}
