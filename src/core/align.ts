/** Alignment of byte offsets and sizes. */

/** The least multiple of `to` that is not below `value`. */
export const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;
