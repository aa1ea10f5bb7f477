/**
 * The bytes of an HDF5 file, read at absolute addresses with two limits: never outside the file, and never more in
 * total than a multiple of its length. The second bounds time and memory whatever the structures point to: trees that
 * share their branches, headers that continue into themselves, attributes that repeat one heap object.
 */
import type { ModelFormatError } from '../../core/errors.js';
import { formatError } from '../format-error.js';

/** Bytes that may be looked at, per byte of the file. Keras files come to between a half and one: their structure and their data. */
const READS_PER_BYTE = 2;
const READS_AT_LEAST = 65_536;

/** All ones: HDF5's address of what does not exist. */
export const UNDEFINED_ADDRESS = Number.MAX_SAFE_INTEGER;

export class Hdf5Bytes {
  private readonly view: DataView;
  private budget: number;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.budget = READS_AT_LEAST + READS_PER_BYTE * bytes.length;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** A view, not a copy. @throws ModelFormatError when it reaches outside the file, or too much was read already */
  take(address: number, length: number): Uint8Array {
    this.claim(address, length);
    return this.bytes.subarray(address, address + length);
  }

  u8(address: number): number {
    this.claim(address, 1);
    return this.view.getUint8(address);
  }

  u16(address: number): number {
    this.claim(address, 2);
    return this.view.getUint16(address, true);
  }

  u32(address: number): number {
    this.claim(address, 4);
    return this.view.getUint32(address, true);
  }

  /** {@link UNDEFINED_ADDRESS} for everything that no file can be as long as. */
  u64(address: number): number {
    this.claim(address, 8);
    const value = this.view.getUint32(address + 4, true) * 2 ** 32 + this.view.getUint32(address, true);
    return Math.min(value, UNDEFINED_ADDRESS);
  }

  /** Text of `length` bytes, or up to the first NUL in them. */
  text(address: number, length: number): string {
    const bytes = this.take(address, length);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** @throws ModelFormatError when the structure at `address` does not begin so */
  expect(signature: string, address: number): void {
    if (this.text(address, signature.length) !== signature)
      throw hdf5Error(`no ${signature} at byte ${address}`, address);
  }

  private claim(address: number, length: number): void {
    if (!(address >= 0 && length >= 0 && address + length <= this.bytes.length)) {
      throw hdf5Error(`it points to ${length} bytes at ${address}, but it has ${this.bytes.length}`, address);
    }
    this.budget -= length;
    if (this.budget < 0) throw hdf5Error('its structures contain one another without end', address);
  }
}

const error = formatError('hdf5');

export const hdf5Error = (what: string, offset?: number): ModelFormatError =>
  error(what, offset === undefined ? {} : { offset });
