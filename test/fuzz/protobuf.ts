/** Hostile protobuf messages: fields dropped, repeated, exchanged and renamed, at any depth, and lies in their lengths. */
import { concatenate, hostileNumber, mutateBytes } from './bytes.js';
import { HOSTILE_KEYS } from './json.js';
import type { Random } from './random.js';

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** One field. What is length-delimited and reads as a message is taken for one: nobody says what is meant. */
interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint | Uint8Array | readonly Field[];
  /** Written instead of the length. */
  readonly lie?: bigint;
}

const MOST_DEPTH = 12;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** The fields of a message, or `null` where the bytes are none. */
function parse(bytes: Uint8Array, depth = 0): Field[] | null {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (!tag) return null;
    at = tag.end;
    const [number, wire] = [Number(tag.value >> 3n), Number(tag.value & 7n)];
    const first = wire === VARINT || wire === BYTES ? readVarint(bytes, at) : null;
    const size = wire === FIXED64 ? 8 : wire === FIXED32 ? 4 : 0;
    if (number === 0 || number > 100 || (size === 0 && !first)) return null;
    at = first?.end ?? at + size;
    if (wire === VARINT && first) {
      fields.push({ number, wire, value: first.value });
      continue;
    }
    const length = first ? Number(first.value) : 0;
    const payload = bytes.subarray(size > 0 ? at - size : at, size > 0 ? at : at + length);
    if (at > bytes.length || payload.length !== (size || length)) return null;
    const inner =
      wire === BYTES && length > 1 && depth < MOST_DEPTH && !isText(payload) ? parse(payload, depth + 1) : null;
    fields.push({ number, wire, value: inner ?? payload });
    at += length;
  }
  return fields;
}

function isText(bytes: Uint8Array): boolean {
  if (bytes.length > 200) return false;
  try {
    return /^[\x20-\x7e]*$/.test(decoder.decode(bytes));
  } catch {
    return false;
  }
}

function readVarint(bytes: Uint8Array, start: number): { value: bigint; end: number } | null {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return null;
    value |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return null;
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}

function write(fields: readonly Field[]): Uint8Array {
  return concatenate(...fields.flatMap(writeField));
}

function writeField({ number, wire, value, lie }: Field): Uint8Array[] {
  const tag = varint((BigInt(number) << 3n) | BigInt(wire));
  if (typeof value === 'bigint') return [tag, varint(value)];
  const payload = value instanceof Uint8Array ? value : write(value);
  return wire === BYTES ? [tag, varint(lie ?? BigInt(payload.length)), payload] : [tag, payload];
}

/** Every text in the file: names of tensors, operators and attributes. */
function textsIn(fields: readonly Field[]): Uint8Array[] {
  return fields.flatMap(({ value }) => {
    if (value instanceof Uint8Array) return isText(value) ? [value] : [];
    return typeof value === 'bigint' ? [] : textsIn(value);
  });
}

/** @returns a maker of variations of this file, which is one message */
export function protobufMaker(file: Uint8Array): (random: Random) => Uint8Array {
  const root = parse(file) ?? [];
  const texts = [...textsIn(root), ...HOSTILE_KEYS.map((key) => new TextEncoder().encode(key))];
  return (random) => {
    if (random.once(5)) return mutateBytes(file, random);
    let fields: readonly Field[] = root;
    for (let changes = 1 + random.below(3); changes > 0; changes--) fields = mutate(fields, texts, random, file.length);
    return write(fields);
  };
}

/** A copy with one change, at a depth of any. */
function mutate(fields: readonly Field[], texts: readonly Uint8Array[], random: Random, length: number): Field[] {
  const list = [...fields];
  if (list.length === 0) return list;
  const at = random.below(list.length);
  const field = random.pick(list.slice(at, at + 1));
  const { value } = field;
  if (Array.isArray(value) && !random.once(5)) {
    list[at] = { ...field, value: mutate(value, texts, random, length) };
    return list;
  }
  switch (random.below(8)) {
    case 0:
      list.splice(at, 1);
      break;
    case 1:
      list.splice(at, 0, ...Array.from({ length: random.once(40) ? 300 : 1 }, () => field));
      break;
    case 2:
      list[at] = { ...random.pick(list), number: field.number };
      break;
    case 3:
      list[at] = { ...field, number: random.once(2) ? field.number + random.below(5) - 2 : 1 + random.below(20) };
      break;
    case 4:
      list[at] = { ...field, value: [field], wire: BYTES }; // one level deeper
      break;
    case 5:
      list[at] = { ...field, lie: hostileNumber(random, BigInt(random.below(64)), length) };
      break;
    default:
      list[at] = { ...field, value: changed(field, texts, random, length) };
  }
  return list;
}

function changed({ value }: Field, texts: readonly Uint8Array[], random: Random, length: number): Field['value'] {
  if (typeof value === 'bigint')
    return random.once(2) ? BigInt(random.below(20)) : hostileNumber(random, value, length);
  if (!(value instanceof Uint8Array)) return [];
  return isText(value) && !random.once(4) ? random.pick(texts) : mutateBytes(value, random);
}
