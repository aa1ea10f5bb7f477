/**
 * Batch norms as graphs have them: one node, a node with Mul and Add behind it (Caffe's Scale), Mul and Add alone, or
 * none where the exporter folded it into the convolution. All in double precision.
 */

/** y = gamma · (x − mean) / sqrt(variance + epsilon) + beta, per channel. */
export interface Norm {
  readonly gamma: Float64Array;
  readonly beta: Float64Array;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly epsilon: number;
}

/** y = x. */
export function identityNorm(channels: number): Norm {
  return {
    gamma: new Float64Array(channels).fill(1),
    beta: new Float64Array(channels),
    mean: new Float64Array(channels),
    variance: new Float64Array(channels).fill(1),
    epsilon: 0,
  };
}

/** The norm, then a multiplication. */
export function scaled(norm: Norm, factor: Float64Array): Norm {
  const times = (value: number, c: number) => value * (factor[c] ?? Number.NaN);
  return { ...norm, gamma: norm.gamma.map(times), beta: norm.beta.map(times) };
}

/** The norm, then an addition. */
export function shifted(norm: Norm, term: Float64Array): Norm {
  return { ...norm, beta: norm.beta.map((value, c) => value + (term[c] ?? Number.NaN)) };
}

/**
 * The same function with another epsilon: the difference goes into the variance, and into gamma where the variance
 * cannot take it without becoming negative.
 */
export function withEpsilon(norm: Norm, epsilon: number): Norm {
  if (norm.epsilon === epsilon) return norm;
  const total = norm.variance.map((value) => value + norm.epsilon);
  return {
    ...norm,
    gamma: norm.gamma.map((value, c) => {
      const sum = total[c] ?? Number.NaN;
      return sum >= epsilon ? value : value * Math.sqrt(epsilon / sum);
    }),
    variance: total.map((sum) => Math.max(0, sum - epsilon)),
    epsilon,
  };
}

/**
 * A float32 attribute as the decimal number that was meant: 9.99999974737875e-6 is 1e-5.
 */
export function shortest(single: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(single.toPrecision(digits));
    if (Math.fround(short) === single) return short;
  }
  return single;
}
