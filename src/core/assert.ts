/** Assertions about what one part of this package hands to another. */

/** The value. Throws a RangeError when it is missing: that is a bug of this package, and no caller can repair it. */
export function assertDefined<T>(value: T | null | undefined, what: string): T {
  if (value == null) throw new RangeError(`bug in densenet-webgpu: ${what} is missing`);
  return value;
}
