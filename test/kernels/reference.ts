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
  /** Products of a sum, borders counted in full. */
  readonly terms?: number;
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
  return { values, bounds, shape: result, terms: shape.channels * kernel * kernel };
}

/** Of sums in f16 that are carried to f32 after `carry` products: each is rounded 2¹³ times as coarsely, and as often. */
export const boundsOfFloat16 = ({ bounds, terms = 0 }: Result, carry: number): Float64Array =>
  bounds.map((bound) => bound * (F16_UNIT / F32_UNIT) * ((Math.min(terms, carry) + 6) / (terms + 6)));

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

/** Where a value of NCHW lies in [quad][plane][4]: the batch inside the plane, each image with a border of zeros. */
function placeOf(i: number, shape: Shape, plane: number, border: number): number {
  const { channels, height, width } = shape;
  const [x, y, channel, n] = [
    i % width,
    Math.floor(i / width) % height,
    Math.floor(i / width / height) % channels,
    Math.floor(i / width / height / channels),
  ];
  const pixel = (n * (height + 2 * border) + y + border) * (width + 2 * border) + x + border;
  return (Math.floor(channel / 4) * plane + pixel) * 4 + (channel % 4);
}

/** Pixels of an image as it is stored. */
export const storedPixels = ({ height, width }: Shape, border: number): number =>
  (height + 2 * border) * (width + 2 * border);

/**
 * NCHW → [quad][plane][4], planes `plane` pixels apart. Lanes without a channel and what lies behind the batch are
 * `filler`; the border is zero.
 */
export function toQuads(x: ArrayLike<number>, shape: Shape, plane: number, filler = 0, border = 0): Float32Array {
  const packed = new Float32Array(quads(shape.channels) * plane * 4).fill(filler);
  const pixels = shape.batch * storedPixels(shape, border);
  if (border > 0)
    for (let q = 0; q < quads(shape.channels); q++) packed.fill(0, q * plane * 4, (q * plane + pixels) * 4);
  for (let i = 0; i < sizeOf(shape); i++) packed[placeOf(i, shape, plane, border)] = at(x, i);
  return packed;
}

/** The inverse of {@link toQuads}. */
export const fromQuads = (packed: ArrayLike<number>, shape: Shape, plane: number, border = 0): Float64Array =>
  Float64Array.from({ length: sizeOf(shape) }, (_, i) => at(packed, placeOf(i, shape, plane, border)));

/** OIHW → [input quad][row][output quad][column][input channel, `lanes` of them][output channel 4] */
export function packWeights(
  weight: ArrayLike<number>,
  out: number,
  channels: number,
  side: number,
  lanes = 4,
): Float32Array {
  const packed = new Float32Array(quads(out) * quads(channels) * side * side * lanes * 4);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < channels; i++) {
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const line = (Math.floor(i / 4) * side + row) * quads(out) + Math.floor(o / 4);
          packed[((line * side + column) * lanes + (i % 4)) * 4 + (o % 4)] = at(
            weight,
            ((o * channels + i) * side + row) * side + column,
          );
        }
      }
    }
  }
  return packed;
}

/** [quad]{scale ×4, shift ×4}, each times `factor`: convolutions take them halved or divided by eight. */
export function packNorm(scale: ArrayLike<number>, shift: ArrayLike<number>, factor = 1): Float32Array {
  const packed = new Float32Array(quads(scale.length) * 8);
  for (let c = 0; c < scale.length; c++) {
    packed[Math.floor(c / 4) * 8 + (c % 4)] = factor * at(scale, c);
    packed[Math.floor(c / 4) * 8 + 4 + (c % 4)] = factor * at(shift, c);
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
