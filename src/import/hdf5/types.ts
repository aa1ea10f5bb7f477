/** Element types and shapes (IV.A.2.b and d) of the datasets and attributes that Keras writes. */
import type { Dtype } from '../../tensor/tensor.js';
import { type Hdf5Bytes, hdf5Error } from './cursor.js';

export type ElementType =
  | { readonly kind: 'number'; readonly dtype: Dtype; readonly size: number }
  /** Padded to `size` bytes each. */
  | { readonly kind: 'text'; readonly size: number }
  /** References to a heap of texts, 16 bytes each. */
  | { readonly kind: 'text-reference'; readonly size: 16 };

const FIXED_POINT = 0;
const FLOATING_POINT = 1;
const STRING = 3;
const OPAQUE = 5;
const VARIABLE_LENGTH = 9;

/** @throws ModelFormatError naming what is at `name` when Keras has no such type */
export function readElementType(bytes: Hdf5Bytes, address: number, name: string): ElementType {
  const kind = bytes.u8(address) & 15;
  const flags = bytes.u8(address + 1);
  const size = bytes.u32(address + 4);
  if ((kind === FIXED_POINT || kind === FLOATING_POINT) && (flags & 1) !== 0)
    throw hdf5Error(`"${name}" is big-endian`);
  // numpy's bfloat16, of which HDF5 knows no more than that it has two bytes.
  if (kind === OPAQUE && size === 2) return { kind: 'number', dtype: 'BF16', size };
  if (kind === STRING) return { kind: 'text', size };
  if (kind === VARIABLE_LENGTH && (flags & 15) === 1) return { kind: 'text-reference', size: 16 };
  const dtype =
    kind === FLOATING_POINT
      ? FLOATS.get(floatLayout(bytes, address))
      : kind === FIXED_POINT
        ? INTEGERS.get(`${(flags & 8) !== 0} ${size}`)
        : undefined;
  if (dtype === undefined) throw hdf5Error(`"${name}" holds neither texts nor floats nor integers`);
  return { kind: 'number', dtype, size };
}

/** Bytes; position and bits of the exponent; position and bits of the mantissa; bias. */
const FLOATS: ReadonlyMap<string, Dtype> = new Map([
  ['8 52 11 0 52 1023', 'F64'],
  ['4 23 8 0 23 127', 'F32'],
  ['2 10 5 0 10 15', 'F16'],
  ['2 7 8 0 7 127', 'BF16'],
]);

function floatLayout(bytes: Hdf5Bytes, address: number): string {
  const fields = [12, 13, 14, 15].map((offset) => bytes.u8(address + offset));
  return [bytes.u32(address + 4), ...fields, bytes.u32(address + 16)].join(' ');
}

/** Whether signed, and bytes. */
const INTEGERS: ReadonlyMap<string, Dtype> = new Map([
  ['true 1', 'I8'],
  ['true 2', 'I16'],
  ['true 4', 'I32'],
  ['true 8', 'I64'],
  ['false 1', 'U8'],
  ['false 2', 'U16'],
  ['false 4', 'U32'],
  ['false 8', 'U64'],
]);

const NULL_SPACE = 2;

/** @throws ModelFormatError for more dimensions than HDF5 allows, or an unknown version */
export function readShape(bytes: Hdf5Bytes, address: number): number[] {
  const version = bytes.u8(address);
  const rank = bytes.u8(address + 1);
  if ((version !== 1 && version !== 2) || rank > 32) throw hdf5Error(`no shape at byte ${address}`, address);
  if (version === 2 && bytes.u8(address + 3) === NULL_SPACE) return [0];
  const first = address + (version === 1 ? 8 : 4);
  return Array.from({ length: rank }, (_, axis) => bytes.u64(first + 8 * axis));
}
