/** Checked access to JSON from outside: every failure is an `OptionError` that names the field and what it must be. */
import { OptionError } from './errors.js';

/** Turns the value at `path` into a `T`, or throws. */
export type Check<T> = (value: unknown, path: string) => T;

/** Sides in pixels that an image may have: WebGPU's textures reach 8192 everywhere and 16384 on most adapters. */
const LARGEST_SIDE = 16384;

/** The fields of one object, each read through a check that knows its path. */
export class Fields {
  readonly #values: ReadonlyMap<string, unknown>;

  constructor(
    value: unknown,
    readonly path: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(path, 'an object');
    this.#values = new Map(Object.entries(value));
  }

  [Symbol.iterator](): Iterator<[name: string, value: unknown]> {
    return this.#values.entries();
  }

  has(name: string): boolean {
    return this.#values.has(name) && this.#values.get(name) !== null;
  }

  required<T>(name: string, check: Check<T>): T {
    return check(this.#values.get(name), `${this.path}.${name}`);
  }

  /** `otherwise` where the field is missing or null. */
  optional<T, U>(name: string, check: Check<T>, otherwise: U): T | U {
    return this.has(name) ? this.required(name, check) : otherwise;
  }
}

export function fail(path: string, wanted: string): never {
  throw new OptionError(path, `${path} must be ${wanted}`);
}

export const number: Check<number> = (value, path) =>
  typeof value === 'number' && Number.isFinite(value) ? value : fail(path, 'a number');

export const positive: Check<number> = (value, path) =>
  number(value, path) > 0 ? number(value, path) : fail(path, 'above zero');

export const text: Check<string> = (value, path) => (typeof value === 'string' ? value : fail(path, 'a text'));

export const flag: Check<boolean> = (value, path) => (typeof value === 'boolean' ? value : fail(path, 'true or false'));

export const pixels: Check<number> = (value, path) => {
  const side = number(value, path);
  return Number.isInteger(side) && side >= 1 && side <= LARGEST_SIDE
    ? side
    : fail(path, `a whole number of pixels, 1…${LARGEST_SIDE}`);
};

/** [height, width] */
export const size: Check<readonly [height: number, width: number]> = (value, path) => {
  const [height, width, ...rest] = listOf(pixels)(value, path);
  return height !== undefined && width !== undefined && rest.length === 0
    ? [height, width]
    : fail(path, '[height, width]');
};

export function listOf<T>(check: Check<T>): Check<readonly T[]> {
  return (value, path) =>
    Array.isArray(value) ? value.map((entry: unknown, i) => check(entry, `${path}[${i}]`)) : fail(path, 'a list');
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Check<T> {
  return (value, path) =>
    allowed.find((candidate) => candidate === value) ?? fail(path, `one of ${allowed.join(', ')}`);
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, path) => (value === null ? null : check(value, path));
}
