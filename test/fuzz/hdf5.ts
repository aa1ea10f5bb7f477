/** Hostile HDF5 files: pointers that lead elsewhere or in circles, lies in the structures, other configs in the attributes. */
import { concatenate, corruptNumber, hostileNumber, mutateBytes, readNumber, writeNumber } from './bytes.js';
import { copyTree, type Json, mutateTree, toTree, writeJson } from './json.js';
import type { Random } from './random.js';

const SIGNATURES = ['TREE', 'HEAP', 'SNOD', 'GCOL'].map((text) => new TextEncoder().encode(text));
/** Bytes of a structure that hold its numbers; what lies behind them is data or the next structure's. */
const STRUCTURE = 64;
/** The superblock's numbers. */
const SUPERBLOCK = 96;

/** What a file consists of. */
interface Anatomy {
  /** Where structures begin. */
  readonly structures: readonly number[];
  /** Where the addresses of structures stand. */
  readonly pointers: readonly number[];
  /** A model's config, which is text in an attribute. */
  readonly config: { readonly at: number; readonly length: number; readonly tree: Json } | null;
}

function dissect(file: Uint8Array): Anatomy {
  const structures = new Set<number>();
  const pointers: number[] = [];
  for (let at = 0; at + 8 <= file.length; at += 8) {
    const target = Number(readNumber(file, at, 8));
    if (target > 0 && target % 8 === 0 && isStructure(file, target)) {
      pointers.push(at);
      structures.add(target);
    }
    if (SIGNATURES.some((signature) => signature.every((byte, i) => file[at + i] === byte))) structures.add(at);
  }
  return { structures: [...structures], pointers, config: findConfig(file) };
}

/** A signature, or an object header: version 1, a byte of nothing, a few messages, one reference. */
function isStructure(file: Uint8Array, at: number): boolean {
  if (SIGNATURES.some((signature) => signature.every((byte, i) => file[at + i] === byte))) return true;
  return (
    file[at] === 1 && file[at + 1] === 0 && readNumber(file, at + 4, 4) === 1n && readNumber(file, at + 2, 2) < 64n
  );
}

function findConfig(file: Uint8Array): Anatomy['config'] {
  const text = new TextDecoder('latin1').decode(file);
  for (const { index } of text.matchAll(/\{"(?:class_name|module|name)"/g)) {
    const end = text.indexOf('\0', index);
    const length = text.lastIndexOf('}', end < 0 ? text.length : end) + 1 - index;
    try {
      return { at: index, length, tree: toTree(JSON.parse(text.slice(index, index + length))) };
    } catch {} // something else that begins so
  }
  return null;
}

/** @returns a maker of variations of this file */
export function hdf5Maker(file: Uint8Array): (random: Random) => Uint8Array {
  const anatomy = dissect(file);
  return (random) => {
    if (random.once(6)) return mutateBytes(file, random);
    const bytes = Uint8Array.from(file);
    for (let changes = 1 + random.below(3); changes > 0; changes--) mutateOnce(bytes, anatomy, random);
    return random.once(20) ? concatenate(bytes.subarray(0, random.below(bytes.length))) : bytes;
  };
}

function mutateOnce(bytes: Uint8Array, { structures, pointers, config }: Anatomy, random: Random): void {
  const change = random.below(8);
  if (change === 0 && config) {
    writeConfig(bytes, config, random);
  } else if (change < 4 && pointers.length > 0) {
    const target = BigInt(random.pick(structures));
    const wild = hostileNumber(random, target, bytes.length);
    writeNumber(bytes, random.pick(pointers), 8, random.once(3) ? wild : target);
  } else if (change === 4) {
    corruptNumber(bytes, random.below(SUPERBLOCK), random.pick([1, 2, 4, 8]), random);
  } else if (structures.length > 0) {
    corruptNumber(bytes, random.pick(structures) + random.below(STRUCTURE), random.pick([1, 2, 4, 8]), random);
  }
}

/** In the same place: padded where it is shorter, cut where it is longer. */
function writeConfig(bytes: Uint8Array, config: NonNullable<Anatomy['config']>, random: Random): void {
  const text = new TextEncoder().encode(writeJson(mutateTree(copyTree(config.tree), random)));
  bytes.fill(0x20, config.at, config.at + config.length);
  bytes.set(text.subarray(0, config.length), config.at);
}
