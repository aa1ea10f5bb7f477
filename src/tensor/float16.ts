/**
 * f32 → f16, for weights that are stored so on the GPU or in a file. For pages a file of its own beside the library, since
 * most of them keep f32.
 */

/** Float32 values as binary16 bits, rounded to nearest, ties to even; what is beyond 65504 becomes infinite. */
export function halvesOf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (const [i, bits] of words.entries()) out[i] = floatBitsToHalf(bits);
  return out;
}

function floatBitsToHalf(bits: number): number {
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
