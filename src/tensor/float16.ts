/** IEEE 754 binary16 (f16), in which weights and feature maps may be stored. */
import { ModelFormatError } from '../core/errors.js';

/** IEEE 754 binary16 to binary32: exponent and mantissa in place are the value, but for the exponent's bias. */
export function float16ToFloat32(words: Uint16Array): Float32Array {
  const bits = new Uint32Array(words.length);
  const values = new Float32Array(bits.buffer);
  for (const [i, half] of words.entries()) {
    bits[i] = (half & 0x7fff) << 13;
    values[i] = (values[i] ?? 0) * 2 ** 112;
    bits[i] = (bits[i] ?? 0) | ((half & 0x7c00) === 0x7c00 ? 0x7f800000 : 0) | ((half & 0x8000) << 16);
  }
  return values;
}

/** The least magnitude that rounds beyond 65504, the largest finite value of f16. */
const FLOAT16_OVERFLOW = 65520;

/**
 * Float32 values as binary16 bits, rounded to nearest, ties to even. Infinities and NaN stay what they are.
 *
 * @throws ModelFormatError naming the tensor when a finite value would not be finite in f16
 */
export function float32ToFloat16(name: string, values: Float32Array): Uint16Array {
  const bad = values.find((value) => Math.abs(value) >= FLOAT16_OVERFLOW && Number.isFinite(value));
  if (bad === undefined) return roundToFloat16(values);
  throw new ModelFormatError(`tensor "${name}" holds ${bad}, beyond the range of f16: store it as f32`, {
    format: 'tensor',
    tensor: name,
  });
}

/** As {@link float32ToFloat16}; what is beyond the range becomes infinite. */
export function roundToFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (const [i, bits] of words.entries()) out[i] = floatBitsToFloat16(bits);
  return out;
}

function floatBitsToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const mantissa = bits & 0x7fffff;
  if (exponent === 0xff) return sign | (mantissa ? 0x7e00 : 0x7c00);
  if (exponent >= 143) return sign | 0x7c00;
  // A carry out of the mantissa rightly grows the exponent, so the rounded sum needs no special case.
  if (exponent >= 113) return sign | (((exponent - 112) << 10) + roundShift(mantissa, 13));
  if (exponent >= 102) return sign | roundShift(mantissa | 0x800000, 126 - exponent);
  return sign;
}

/** value / 2^shift rounded to nearest, ties to even. */
function roundShift(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value - floor * 2 ** shift;
  const half = 2 ** (shift - 1);
  return floor + (rest > half || (rest === half && (floor & 1) === 1) ? 1 : 0);
}
