/**
 * The kernels' formulas in double precision, as straight loops over NCHW and OIHW; and the arena's layout, written from
 * the kernels' headers. Shares no code with `src`.
 *
 * Every convolution also gives a bound of the error that f32 arithmetic may make: (terms + 2) · 2⁻²⁴ times the sum of
 * the magnitudes of what is added up (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1).
 */

export interface Shape {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

export interface Result {
  readonly values: Float64Array;
  readonly bounds: Float64Array;
  readonly shape: Shape;
}

export const F32_UNIT = 2 ** -24;
/** Rounding to f16: half a unit in the last of 11 bits; below 2⁻¹⁴ the spacing is fixed. */
export const F16_UNIT = 2 ** -11;
export const F16_LEAST = 2 ** -25;

export const quads = (channels: number): number => Math.ceil(channels / 4);
export const pixelsOf = ({ height, width }: Shape): number => height * width;
const sizeOf = (shape: Shape): number => shape.batch * shape.channels * pixelsOf(shape);
const at = (list: ArrayLike<number>, index: number): number => list[index] ?? Number.NaN;

/** relu(scale[c] · x + shift[c]) */
export function normRelu(
  x: ArrayLike<number>,
  shape: Shape,
  scale: ArrayLike<number>,
  shift: ArrayLike<number>,
): Float64Array {
  const pixels = pixelsOf(shape);
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    const channel = Math.floor(i / pixels) % shape.channels;
    return Math.max(0, at(scale, channel) * at(x, i) + at(shift, channel));
  });
}

export interface Convolution {
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** OIHW */
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

export function convolve(x: ArrayLike<number>, shape: Shape, conv: Convolution): Result {
  const { kernel, stride, padding, out } = conv;
  const height = Math.floor((shape.height + 2 * padding - kernel) / stride) + 1;
  const width = Math.floor((shape.width + 2 * padding - kernel) / stride) + 1;
  const result: Shape = { batch: shape.batch, channels: out, height, width };
  const values = new Float64Array(sizeOf(result));
  const bounds = new Float64Array(sizeOf(result));
  let index = 0;
  for (let n = 0; n < shape.batch; n++) {
    for (let o = 0; o < out; o++) {
      for (let y = 0; y < height; y++) {
        for (let column = 0; column < width; column++, index++) {
          let sum = at(conv.bias, o);
          let magnitude = Math.abs(sum);
          for (let i = 0; i < shape.channels; i++) {
            for (let dy = 0; dy < kernel; dy++) {
              for (let dx = 0; dx < kernel; dx++) {
                const [row, col] = [y * stride + dy - padding, column * stride + dx - padding];
                if (row < 0 || col < 0 || row >= shape.height || col >= shape.width) continue;
                const input = at(x, ((n * shape.channels + i) * shape.height + row) * shape.width + col);
                const term = input * at(conv.weight, ((o * shape.channels + i) * kernel + dy) * kernel + dx);
                sum += term;
                magnitude += Math.abs(term);
              }
            }
          }
          values[index] = sum;
          // 4 more roundings: the input itself may come from a norm and a pool.
          bounds[index] = (shape.channels * kernel * kernel + 6) * F32_UNIT * magnitude;
        }
      }
    }
  }
  return { values, bounds, shape: result };
}

/**
 * A 3×3 convolution by F(2, 3) down the columns: the same values, but for what `rounded` does to the products' filters,
 * with the bound of what is added up.
 */
export function winograd(
  x: ArrayLike<number>,
  shape: Shape,
  { out, weight, bias }: Convolution,
  rounded: (value: number) => number,
): Result {
  const result: Shape = { ...shape, channels: out };
  const values = new Float64Array(sizeOf(result));
  const bounds = new Float64Array(sizeOf(result));
  const { channels, height, width } = shape;
  for (const index of values.keys()) {
    const [column, y] = [index % width, Math.floor(index / width) % height];
    const o = Math.floor(index / width / height) % out;
    const n = Math.floor(index / width / height / out);
    const isUpper = y % 2 === 0;
    const top = isUpper ? y - 1 : y - 2;
    let sum = at(bias, o);
    let magnitude = Math.abs(sum);
    for (let i = 0; i < channels; i++) {
      for (let dx = 0; dx < 3; dx++) {
        const s = [0, 1, 2, 3].map((row) => {
          const [r, c] = [top + row, column + dx - 1];
          const isIn = r >= 0 && c >= 0 && r < height && c < width;
          return isIn ? at(x, ((n * channels + i) * height + r) * width + c) : 0;
        });
        const w = [0, 1, 2].map((dy) => at(weight, ((o * channels + i) * 3 + dy) * 3 + dx));
        const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
        const [w0 = 0, w1 = 0, w2 = 0] = w;
        const [u1, u2] = [rounded((w0 + w1 + w2) / 2), rounded((w0 - w1 + w2) / 2)];
        const terms: readonly (readonly [number, number])[] = isUpper
          ? [
              [s0, w0],
              [-s2, w0],
              [s1, u1],
              [s2, u1],
              [s2, u2],
              [-s1, u2],
            ]
          : [
              [s1, u1],
              [s2, u1],
              [-s2, u2],
              [s1, u2],
              [-s1, w2],
              [s3, w2],
            ];
        for (const [input, filter] of terms) {
          sum += input * filter;
          magnitude += Math.abs(input * filter);
        }
      }
    }
    values[index] = sum;
    // A rounding more of the input, one of the filter, and those of adding up the products.
    bounds[index] = (channels * 9 + 12) * F32_UNIT * magnitude;
  }
  return { values, bounds, shape: result };
}

/** 2×2 average, stride 2, an odd last row or column left out. */
export function averagePool(x: ArrayLike<number>, shape: Shape): { values: Float64Array; shape: Shape } {
  const result = { ...shape, height: Math.floor(shape.height / 2), width: Math.floor(shape.width / 2) };
  const values = new Float64Array(sizeOf(result));
  for (let plane = 0; plane < shape.batch * shape.channels; plane++) {
    for (let y = 0; y < result.height; y++) {
      for (let c = 0; c < result.width; c++) {
        const pixel = (dy: number, dx: number) => at(x, (plane * shape.height + 2 * y + dy) * shape.width + 2 * c + dx);
        values[(plane * result.height + y) * result.width + c] =
          (pixel(0, 0) + pixel(0, 1) + pixel(1, 0) + pixel(1, 1)) / 4;
      }
    }
  }
  return { values, shape: result };
}

/** NCHW → [quad][plane][4]: the batch inside the plane, `plane` pixels apart; what no channel fills is `filler`. */
export function toQuads(x: ArrayLike<number>, shape: Shape, plane: number, filler = 0): Float32Array {
  const pixels = pixelsOf(shape);
  const packed = new Float32Array(quads(shape.channels) * plane * 4).fill(filler);
  for (let i = 0; i < sizeOf(shape); i++) {
    const [pixel, channel, n] = [
      i % pixels,
      Math.floor(i / pixels) % shape.channels,
      Math.floor(i / pixels / shape.channels),
    ];
    packed[(Math.floor(channel / 4) * plane + n * pixels + pixel) * 4 + (channel % 4)] = at(x, i);
  }
  return packed;
}

/** The inverse of {@link toQuads}. */
export function fromQuads(packed: ArrayLike<number>, shape: Shape, plane: number): Float64Array {
  const pixels = pixelsOf(shape);
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    const [pixel, channel, n] = [
      i % pixels,
      Math.floor(i / pixels) % shape.channels,
      Math.floor(i / pixels / shape.channels),
    ];
    return at(packed, (Math.floor(channel / 4) * plane + n * pixels + pixel) * 4 + (channel % 4));
  });
}

/** OIHW → [output quad][input quad][tap][input channel, `lanes` of them][output channel 4] */
export function packWeights(
  weight: ArrayLike<number>,
  out: number,
  channels: number,
  kernel: number,
  lanes = 4,
): Float32Array {
  const taps = kernel * kernel;
  const packed = new Float32Array(quads(out) * quads(channels) * taps * lanes * 4);
  for (let index = 0; index < packed.length; index++) {
    const o = 4 * Math.floor(index / (quads(channels) * taps * lanes * 4)) + (index % 4);
    const i = 4 * (Math.floor(index / (taps * lanes * 4)) % quads(channels)) + (Math.floor(index / 4) % lanes);
    const tap = Math.floor(index / (lanes * 4)) % taps;
    if (o < out && i < channels) packed[index] = at(weight, (o * channels + i) * taps + tap);
  }
  return packed;
}

/** [quad]{scale ×4, shift ×4} */
export function packNorm(scale: ArrayLike<number>, shift: ArrayLike<number>): Float32Array {
  const packed = new Float32Array(quads(scale.length) * 8);
  for (let c = 0; c < scale.length; c++) {
    packed[Math.floor(c / 4) * 8 + (c % 4)] = at(scale, c);
    packed[Math.floor(c / 4) * 8 + 4 + (c % 4)] = at(shift, c);
  }
  return packed;
}

/** [classes][channels] → [input quad][input channel 4][output quad][output channel 4] */
export function packLinear(weight: ArrayLike<number>, classes: number): Float32Array {
  const channels = weight.length / classes;
  const row = 4 * quads(classes);
  const packed = new Float32Array(quads(channels) * 4 * row);
  for (let i = 0; i < weight.length; i++) packed[(i % channels) * row + Math.floor(i / channels)] = at(weight, i);
  return packed;
}

export function padTo4(values: ArrayLike<number>): Float32Array {
  const padded = new Float32Array(quads(values.length) * 4);
  padded.set(Array.from(values));
  return padded;
}

/** Fails with where, found and expected of the worst value, unless every error is within its bound. */
export function expectWithin(found: ArrayLike<number>, expected: Result, stored: 'f32' | 'f16'): void {
  let worst = { index: -1, ratio: 0 };
  for (let i = 0; i < expected.values.length; i++) {
    const value = at(expected.values, i);
    const rounding = stored === 'f16' ? F16_UNIT * Math.abs(value) + F16_LEAST : F32_UNIT * Math.abs(value);
    const error = Math.abs(at(found, i) - value);
    // NaN compares with nothing, so it would be forgotten at the next value.
    const ratio = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / (at(expected.bounds, i) + rounding + 1e-30);
    if (ratio > worst.ratio) worst = { index: i, ratio };
  }
  if (worst.ratio <= 1) return;
  const { index, ratio } = worst;
  const { channels, height, width } = expected.shape;
  const where = [
    Math.floor(index / (channels * height * width)),
    Math.floor(index / (height * width)) % channels,
    Math.floor(index / width) % height,
    index % width,
  ];
  throw new Error(
    `at [image, channel, row, column] [${where}]: got ${at(found, index)}, expected ${at(expected.values, index)}, ${ratio.toPrecision(3)} times the bound`,
  );
}
