/** Mutations that know no format, and the numbers that break readers of lengths and offsets. */
import type { Random } from './random.js';

const LIMITS: readonly bigint[] = [
  ...[0n, 1n, 2n, 3n, 4n, 7n, 8n, 9n, 16n, 127n, 128n, 255n, 256n, 4096n],
  ...[0x7fffn, 0x8000n, 0xffffn, 0x10000n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n],
  ...[2n ** 53n - 1n, 2n ** 53n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n],
];

/** A number at a limit of some integer type, or near what `value` was, or near the file's length. */
export function hostileNumber(random: Random, value: bigint, fileLength: number): bigint {
  const step = BigInt(random.below(9)) - 4n;
  switch (random.below(5)) {
    case 0:
      return value + step;
    case 1:
      return value * BigInt(1 << random.below(12)) + step;
    case 2:
      return BigInt(fileLength) + step;
    case 3:
      return BigInt(random.below(fileLength));
    default:
      return random.pick(LIMITS);
  }
}

/** Reads `size` bytes as an unsigned number; what lies behind the end counts as zero. */
export function readNumber(bytes: Uint8Array, at: number, size: number, bigEndian = false): bigint {
  let value = 0n;
  for (let i = 0; i < size; i++) {
    value = (value << 8n) | BigInt(bytes[at + (bigEndian ? i : size - 1 - i)] ?? 0);
  }
  return value;
}

export function writeNumber(bytes: Uint8Array, at: number, size: number, value: bigint, bigEndian = false): void {
  let rest = BigInt.asUintN(64, value);
  for (let i = 0; i < size; i++, rest >>= 8n) {
    const position = at + (bigEndian ? size - 1 - i : i);
    if (position < bytes.length) bytes[position] = Number(rest & 255n);
  }
}

/** Replaces a number in place by a hostile one. */
export function corruptNumber(bytes: Uint8Array, at: number, size: number, random: Random, bigEndian = false): void {
  const value = readNumber(bytes, at, size, bigEndian);
  writeNumber(bytes, at, size, hostileNumber(random, value, bytes.length), bigEndian);
}

export function concatenate(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Where something happens: the first bytes of a file hold its structure more often than the last. */
function place(random: Random, length: number): number {
  return random.once(2) ? random.below(length) : random.below(Math.min(length, 64 << random.below(8)));
}

/** One to four changes at random places, in a copy. */
export function mutateBytes(original: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(original);
  for (let changes = 1 + random.below(4); changes > 0; changes--) bytes = mutateOnce(bytes, random);
  return bytes;
}

function mutateOnce(bytes: Uint8Array<ArrayBuffer>, random: Random): Uint8Array<ArrayBuffer> {
  const at = place(random, bytes.length);
  const count = 1 + random.below(random.once(4) ? 256 : 8);
  switch (random.below(8)) {
    case 0:
      return bytes.slice(0, at);
    case 1:
      return concatenate(bytes.subarray(0, at), bytes.subarray(at + count));
    case 2:
      return concatenate(bytes.subarray(0, at + count), bytes.subarray(at));
    case 3: {
      const from = place(random, bytes.length);
      bytes.copyWithin(at, from, from + count);
      return bytes;
    }
    case 4:
      bytes.fill(random.pick([0, 1, 0x7f, 0x80, 0xff]), at, at + count);
      return bytes;
    case 5:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 6:
      bytes[at] = random.below(256);
      return bytes;
    default:
      corruptNumber(bytes, at, random.pick([2, 4, 8]), random, random.once(4));
      return bytes;
  }
}
