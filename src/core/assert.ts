/** What one part of this package has put where another finds it. */

/** The value; that it is not there is a defect of the package, nothing that a caller could mend. */
export function present<T>(value: T | null | undefined, what: string): T {
  if (value == null) throw new RangeError(`a defect of densenet-webgpu: there is no ${what}`);
  return value;
}
