/** Attributes (IV.A.2.m): texts and lists of texts, which is how Keras stores names, configs and versions. */
import { elementCount } from '../../tensor/tensor.js';
import { type Hdf5Bytes, hdf5Error } from './cursor.js';
import { MESSAGE, type Message } from './header.js';
import { readElementType, readShape } from './types.js';

/** The texts of the attribute `name` of an object, or `null` when it has none. One text for a scalar. */
export function readTexts(bytes: Hdf5Bytes, messages: readonly Message[], name: string): string[] | null {
  for (const message of messages) {
    if (message.type !== MESSAGE.attribute) continue;
    const parts = locate(bytes, message);
    if (parts.name === name) return decode(bytes, parts);
  }
  return null;
}

interface Parts {
  readonly name: string;
  readonly type: number;
  readonly space: number;
  readonly data: number;
}

function locate(bytes: Hdf5Bytes, { address }: Message): Parts {
  const version = bytes.u8(address);
  if (version < 1 || version > 3) throw hdf5Error(`an attribute is of the unknown version ${version}`, address);
  const pad = (size: number) => (version === 1 ? Math.ceil(size / 8) * 8 : size);
  const [nameSize, typeSize, spaceSize] = [2, 4, 6].map((offset) => bytes.u16(address + offset));
  const start = address + (version === 3 ? 9 : 8);
  const type = start + pad(nameSize ?? 0);
  const space = type + pad(typeSize ?? 0);
  return { name: bytes.text(start, nameSize ?? 0), type, space, data: space + pad(spaceSize ?? 0) };
}

/** An empty list for attributes that are no texts. */
function decode(bytes: Hdf5Bytes, { name, type, space, data }: Parts): string[] {
  const element = readElementType(bytes, type, name);
  if (element.kind === 'number') return [];
  const count = elementCount(readShape(bytes, space));
  // Before anything is allocated for them; texts of no bytes are no reason to make any number of them.
  bytes.take(data, count * Math.max(element.size, 1));
  const heaps = new Map<number, Heap>();
  return Array.from({ length: count }, (_, i) => {
    const at = data + i * element.size;
    return element.kind === 'text' ? bytes.text(at, element.size) : readReference(bytes, at, heaps);
  });
}

/** Index → where the object lies. */
type Heap = ReadonlyMap<number, { readonly address: number; readonly length: number }>;

function readReference(bytes: Hdf5Bytes, at: number, heaps: Map<number, Heap>): string {
  const length = bytes.u32(at);
  if (length === 0) return '';
  const address = bytes.u64(at + 4);
  const heap = heaps.get(address) ?? readGlobalHeap(bytes, address);
  heaps.set(address, heap);
  const object = heap.get(bytes.u32(at + 12));
  if (!object || length > object.length) throw hdf5Error('an attribute refers to a text that is not there', at);
  return bytes.text(object.address, length);
}

/** A global heap collection (III.E). */
function readGlobalHeap(bytes: Hdf5Bytes, address: number): Heap {
  bytes.expect('GCOL', address);
  const end = address + bytes.u64(address + 8);
  const objects = new Map<number, { address: number; length: number }>();
  for (let at = address + 16; at + 16 <= end; ) {
    const index = bytes.u16(at);
    const length = bytes.u64(at + 8);
    if (index === 0) break; // the free space at the end
    objects.set(index, { address: at + 16, length });
    at += 16 + Math.ceil(length / 8) * 8;
  }
  return objects;
}
