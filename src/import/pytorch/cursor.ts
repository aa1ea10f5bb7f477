/** A bounded reader over bytes: every read past the end is a `ModelFormatError`, never an `undefined`. */
import type { ModelFormatError } from '../../core/errors.js';
import { formatError } from '../format-error.js';

export class ByteCursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A 64-bit length; lengths beyond the file fail in the read that uses them. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Big-endian, as pickles store it. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** The next `count` bytes, as a view. */
  take(count: number): Uint8Array {
    const start = this.#advance(count);
    return this.#bytes.subarray(start, start + count);
  }

  /** Text up to the next newline, which is consumed. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw this.fail('a line has no end');
    const text = this.text(end - this.#position);
    this.#advance(1);
    return text;
  }

  /** `count` bytes of UTF-8; Python's lone surrogates become U+FFFD. */
  text(count: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.take(count));
  }

  fail(what: string): ModelFormatError {
    const at = this.#position;
    return formatError('pytorch')(`${what} (byte ${at} of its pickle)`, { offset: at });
  }

  #advance(count: number): number {
    const start = this.#position;
    if (!(count <= this.#bytes.length - start)) throw this.fail(`it ends early: ${count} more bytes were promised`);
    this.#position = start + count;
    return start;
  }
}
