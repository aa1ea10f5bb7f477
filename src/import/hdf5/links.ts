/** The links of a group: a B-tree of names (IV.A.2.r, III.A.1), or the messages of a small group (IV.A.2.g). */
import { type Hdf5Bytes, hdf5Error } from './cursor.js';
import { findMessage, MESSAGE, type Message } from './header.js';

/** Name → address of the object's header. */
export type Links = ReadonlyMap<string, number>;

const ENTRY = 40;
const SOFT_LINK = 2;

/** @throws ModelFormatError naming a link that leads out of the file, or elsewhere in it */
export function readLinks(bytes: Hdf5Bytes, messages: readonly Message[]): Links {
  const links = new Map<string, number>();
  const table = findMessage(messages, MESSAGE.symbolTable);
  if (table) {
    const heap = readHeap(bytes, bytes.u64(table.address + 8));
    readTree(bytes, bytes.u64(table.address), null, heap, links);
    return links;
  }
  for (const message of messages) {
    if (message.type === MESSAGE.link) readLinkMessage(bytes, message, links);
  }
  if (links.size === 0 && messages.some(({ type }) => type === MESSAGE.linkInfo)) {
    throw hdf5Error('its groups are of the layout that `libver="latest"` writes: save it with Keras, which does not');
  }
  return links;
}

/** Where a group's names lie. */
interface Heap {
  readonly start: number;
  readonly length: number;
}

function readHeap(bytes: Hdf5Bytes, address: number): Heap {
  bytes.expect('HEAP', address);
  return { length: bytes.u64(address + 8), start: bytes.u64(address + 24) };
}

function readTree(
  bytes: Hdf5Bytes,
  address: number,
  expectedLevel: number | null,
  heap: Heap,
  links: Map<string, number>,
): void {
  bytes.expect('TREE', address);
  const level = bytes.u8(address + 5);
  if (bytes.u8(address + 4) !== 0 || (expectedLevel !== null && level !== expectedLevel)) {
    throw hdf5Error(`the tree at byte ${address} is not of a group`, address);
  }
  const entries = bytes.u16(address + 6);
  for (let i = 0; i < entries; i++) {
    const child = bytes.u64(address + 32 + 16 * i);
    if (level > 0) readTree(bytes, child, level - 1, heap, links);
    else readSymbols(bytes, child, heap, links);
  }
}

function readSymbols(bytes: Hdf5Bytes, address: number, heap: Heap, links: Map<string, number>): void {
  bytes.expect('SNOD', address);
  const count = bytes.u16(address + 6);
  for (let at = address + 8; at < address + 8 + count * ENTRY; at += ENTRY) {
    const name = nameIn(bytes, heap, bytes.u64(at));
    if (bytes.u32(at + 16) === SOFT_LINK) throw elsewhere(name, 'a soft link');
    add(links, name, bytes.u64(at + 8));
  }
}

const LONGEST_NAME = 1024;

function nameIn(bytes: Hdf5Bytes, heap: Heap, offset: number): string {
  if (!(offset < heap.length)) throw hdf5Error(`a link's name lies outside its heap, at ${offset}`, heap.start);
  const longest = Math.min(heap.length - offset, LONGEST_NAME, bytes.length - heap.start - offset);
  let length = 0;
  while (length < longest && bytes.u8(heap.start + offset + length) !== 0) length++;
  return bytes.text(heap.start + offset, length);
}

function add(links: Map<string, number>, name: string, address: number): void {
  if (links.has(name)) throw hdf5Error(`it holds "${name}" twice in one group`);
  links.set(name, address);
}

function readLinkMessage(bytes: Hdf5Bytes, message: Message, links: Map<string, number>): void {
  const flags = bytes.u8(message.address + 1);
  let at = message.address + 2;
  const kind = flags & 8 ? bytes.u8(at++) : 0;
  if (flags & 4) at += 8; // the order of creation
  if (flags & 16) at += 1; // the character set
  const sizeOfLength = 1 << (flags & 3);
  const length = sizeOfLength === 1 ? bytes.u8(at) : bytes.u16(at);
  at += sizeOfLength;
  const name = bytes.text(at, Math.min(length, LONGEST_NAME));
  if (kind === 64) throw elsewhere(name, 'an external link');
  if (kind !== 0) throw elsewhere(name, 'a soft link');
  add(links, name, bytes.u64(at + length));
}

function elsewhere(name: string, what: string) {
  return hdf5Error(`"${name}" is ${what}; nothing outside the file is read: save the model as one file`);
}
