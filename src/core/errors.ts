/**
 * Every error the package throws on purpose, in one file.
 *
 * Each class carries a literal `name`, the facts of the case as fields, and a message that names the culprit and the
 * repair. `isDenseNetError()` recognises them across realms and bundles (a worker's error, a second copy of the
 * package), where `instanceof` cannot.
 */

const BRAND = 'densenet-webgpu/error';

/** The base of all errors thrown on purpose by this package. */
export abstract class DenseNetError extends Error {
  abstract override readonly name: DenseNetErrorName;
  /** Marks the error across realms; read by {@link isDenseNetError}. */
  readonly brand = BRAND;
}

export type DenseNetErrorName =
  | 'WebGPUUnavailableError'
  | 'LimitError'
  | 'ModelFormatError'
  | 'ModelShapeError'
  | 'DownloadError'
  | 'IntegrityError'
  | 'CacheError'
  | 'ImageError'
  | 'TensorShapeError'
  | 'OptionError'
  | 'ShaderError'
  | 'OutOfMemoryError'
  | 'DeviceLostError'
  | 'TimeoutError'
  | 'QueueFullError'
  | 'RefusedError'
  | 'PrecisionOverflowError'
  | 'AbortedError'
  | 'DisposedError';

/** No `navigator.gpu`, or no adapter behind it. `reason` says which. */
export class WebGPUUnavailableError extends DenseNetError {
  override readonly name = 'WebGPUUnavailableError' as const;
  constructor(
    readonly reason: 'no-webgpu' | 'no-adapter' | 'no-device',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * The plan needs more than the adapter offers: which limit, needed and offered, in that limit's unit. `largestBatch` is
 * the batch that fits (0: none), where a smaller one is the repair.
 */
export class LimitError extends DenseNetError {
  override readonly name = 'LimitError' as const;
  constructor(
    readonly limit: string,
    readonly needed: number,
    readonly offered: number,
    readonly repair: string,
    readonly largestBatch: number | null = null,
  ) {
    super(`${limit} is ${offered} on this adapter, but ${needed} is needed: ${repair}`);
  }
}

/** A model file that cannot be read: `file` kind, the `tensor` (if one is to blame) and why. */
export class ModelFormatError extends DenseNetError {
  override readonly name = 'ModelFormatError' as const;
  constructor(
    message: string,
    readonly context: { readonly format: string; readonly tensor?: string; readonly offset?: number },
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The tensors were read, but they do not make a DenseNet: every missing, extra and mis-shaped tensor at once. */
export class ModelShapeError extends DenseNetError {
  override readonly name = 'ModelShapeError' as const;
  constructor(
    message: string,
    readonly problems: {
      readonly missing: readonly string[];
      readonly extra: readonly string[];
      readonly misshaped: readonly { readonly name: string; readonly expected: string; readonly found: string }[];
    },
  ) {
    super(message);
  }
}

/** The model's URL did not answer with the whole file. */
export class DownloadError extends DenseNetError {
  override readonly name = 'DownloadError' as const;
  constructor(
    readonly url: string,
    readonly status: number | null,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The model's bytes are not those that `integrity` asks for; nothing of them was used. */
export class IntegrityError extends DenseNetError {
  override readonly name = 'IntegrityError' as const;
  constructor(
    readonly expected: string,
    readonly found: string,
  ) {
    super(`the model's hash is ${found}, not ${expected}: it is another file, or load() is asked for another`);
  }
}

/** A warning: the model was loaded, but could not be kept for the next visit. */
export class CacheError extends DenseNetError {
  override readonly name = 'CacheError' as const;
  constructor(
    readonly url: string,
    why: string,
    options?: ErrorOptions,
  ) {
    super(`${url} is loaded but not cached: ${why}`, options);
  }
}

/** An image that cannot be used: zero-sized, undecodable, tainted, or of an unknown type. */
export class ImageError extends DenseNetError {
  override readonly name = 'ImageError' as const;
}

/** A tensor whose shape, length or values do not fit the model. */
export class TensorShapeError extends DenseNetError {
  override readonly name = 'TensorShapeError' as const;
  constructor(
    message: string,
    readonly expected: string,
    readonly found: string,
  ) {
    super(message);
  }
}

/** An option that has no meaning: its name, the value given and what is allowed. */
export class OptionError extends DenseNetError {
  override readonly name = 'OptionError' as const;
  constructor(
    readonly option: string,
    message: string,
  ) {
    super(message);
  }
}

/** A kernel that the adapter's compiler refused: a bug of this package or of a driver. */
export class ShaderError extends DenseNetError {
  override readonly name = 'ShaderError' as const;
  constructor(
    readonly kernel: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The GPU refused an allocation; everything that the failed call had allocated is released. */
export class OutOfMemoryError extends DenseNetError {
  override readonly name = 'OutOfMemoryError' as const;
  constructor(
    readonly what: string,
    readonly bytes: number,
    options?: ErrorOptions,
  ) {
    super(`out of GPU memory: ${what} needs ${bytes} bytes; close other GPU pages, or use a smaller batch`, options);
  }
}

/** The GPU went away and could not be brought back. */
export class DeviceLostError extends DenseNetError {
  override readonly name = 'DeviceLostError' as const;
  constructor(
    readonly reason: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The GPU or an image decoder did not answer in time (the option `timeout`); the next call starts afresh. */
export class TimeoutError extends DenseNetError {
  override readonly name = 'TimeoutError' as const;
  constructor(
    who: string,
    readonly milliseconds: number,
  ) {
    super(`${who} did not answer in ${milliseconds / 1000} s: try again, or load() with a longer timeout`);
  }
}

/** Too many calls are waiting: `await` some before making more. */
export class QueueFullError extends DenseNetError {
  override readonly name = 'QueueFullError' as const;
  constructor(
    what: string,
    readonly waiting: number,
  ) {
    super(`${waiting} calls are waiting, ${what}() would be one too many: await some of them first`);
  }
}

/** The GPU refused a call's work: a buffer or texture of the caller's is destroyed, or of another device. */
export class RefusedError extends DenseNetError {
  override readonly name = 'RefusedError' as const;
  constructor(what: string, message: string, options?: ErrorOptions) {
    super(
      `the GPU refused ${what}(): your buffers and textures must be alive and of the network's device (${message})`,
      options,
    );
  }
}

/** A value left the range of f16 (largest finite 65504): load with `precision: 'f32'`. */
export class PrecisionOverflowError extends DenseNetError {
  override readonly name = 'PrecisionOverflowError' as const;
}

/** The caller's `AbortSignal` fired; `cause` is the signal's reason. */
export class AbortedError extends DenseNetError {
  override readonly name = 'AbortedError' as const;
  constructor(what: string, options?: ErrorOptions) {
    super(`${what} was aborted`, options);
  }
}

/** The network was used after `dispose()`. */
export class DisposedError extends DenseNetError {
  override readonly name = 'DisposedError' as const;
  constructor(what: string) {
    super(`${what} was called on a network that has been disposed; load it again`);
  }
}

/**
 * True for an error of this package, also one from another realm or another copy of the bundle.
 *
 * @example
 * try { await net.classify(image); }
 * catch (error) { if (isDenseNetError(error) && error.name === 'ImageError') showHint(error.message); else throw error; }
 */
export function isDenseNetError(value: unknown): value is DenseNetError {
  return typeof value === 'object' && value !== null && 'brand' in value && value.brand === BRAND;
}
