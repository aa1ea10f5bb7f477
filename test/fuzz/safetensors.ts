/** Hostile safetensors files: lies in the header's length, entries, names and metadata, and poisoned values. */
import { concatenate, hostileNumber, mutateBytes, writeNumber } from './bytes.js';
import { copyMembers, copyTree, HOSTILE_KEYS, type Json, Members, mutateTree, toTree, writeJson } from './json.js';
import type { Random } from './random.js';

const DTYPES: readonly string[] = [
  ...['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'I16', 'I8', 'U64', 'U32', 'U16', 'U8', 'BOOL'],
  ...['F8_E4M3', 'f32', '', 'toString', 'C64'],
];
const NAMES: readonly string[] = [
  ...HOSTILE_KEYS,
  'features.denseblock999999.denselayer1.norm1.running_mean',
  'features.denseblock1.denselayer999999.norm1.running_mean',
  'features.denseblock0.denselayer0.norm1.running_mean',
  `${'module.'.repeat(2000)}features.conv0.weight`,
  'features.denseblock1.denselayer1.norm1.running_mean.weight',
  'classifier.1.weight',
];
const FLOATS: readonly number[] = [Number.NaN, Infinity, -Infinity, -1, 0, 1e-45, 3.4e38, -0];

/** @returns a maker of variations of this file */
export function safetensorsMaker(file: Uint8Array): (random: Random) => Uint8Array {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = toTree(JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))));
  const body = file.subarray(8 + length);
  return (random) => {
    if (!(header instanceof Members) || random.once(4)) return mutateBytes(file, random);
    let tree: Json = copyMembers(header);
    let bytes = body;
    for (let changes = 1 + random.below(3); changes > 0 && tree instanceof Members; changes--) {
      const change = random.below(8);
      if (change === 0) bytes = poison(bytes.slice(), random);
      else if (change === 1) bytes = resize(tree, bytes, random);
      else if (change === 2) mutateMetadata(tree, random);
      else if (change < 6) mutateEntry(tree, random, file.length);
      else tree = mutateTree(tree, random);
    }
    return assemble(writeJson(tree), bytes, random);
  };
}

function assemble(text: string, body: Uint8Array, random: Random): Uint8Array {
  const header = new TextEncoder().encode(text + ' '.repeat(random.below(9)));
  const bytes = concatenate(new Uint8Array(8), header, body);
  const length = BigInt(header.length);
  writeNumber(bytes, 0, 8, random.once(12) ? hostileNumber(random, length, bytes.length) : length);
  return bytes;
}

/** Values that make a model useless: NaN, infinities, negative variances. */
function poison(bytes: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4) view.setFloat32(random.below(Math.floor(bytes.length / 4)) * 4, random.pick(FLOATS), true);
  return bytes;
}

function entries(tree: Members): [string, Json][] {
  return tree.list.filter(([name]) => name !== '__metadata__');
}

/** One field of one entry, or its name. */
function mutateEntry(tree: Members, random: Random, fileLength: number): void {
  const list = entries(tree);
  if (list.length === 0) return;
  const member = random.pick(list);
  const info = member[1];
  if (!(info instanceof Members)) return;
  switch (random.below(6)) {
    case 0:
      member[0] = random.once(2) ? random.pick(NAMES) : random.pick(list)[0];
      break;
    case 1:
      info.set('dtype', random.pick(DTYPES));
      break;
    case 2: {
      const shape = info.get('shape');
      info.set('shape', mutateSizes(Array.isArray(shape) ? shape : [], random, fileLength));
      break;
    }
    case 3: {
      const offsets = info.get('data_offsets');
      info.set('data_offsets', mutateSizes(Array.isArray(offsets) ? offsets : [], random, fileLength));
      break;
    }
    case 4:
      member[1] = copyTree(random.pick(list)[1]); // two names for one range
      break;
    default:
      tree.list.splice(tree.list.indexOf(member), 1);
  }
}

function mutateSizes(sizes: readonly Json[], random: Random, fileLength: number): Json[] {
  const out = [...sizes];
  const at = random.below(out.length);
  const value = out[at];
  switch (random.below(6)) {
    case 0:
      out.splice(at, 1);
      break;
    case 1:
      out.splice(at, 0, ...Array.from({ length: 1 + random.below(9) }, () => random.below(2)));
      break;
    case 2:
      out.reverse();
      break;
    default: {
      const whole = typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.floor(value)) : 0n;
      out[at] = Number(hostileNumber(random, whole, fileLength));
    }
  }
  return out;
}

const SIZES: readonly (readonly [dtype: string, bytes: number])[] = [
  ...([
    ['F32', 4],
    ['F32', 4],
    ['F16', 2],
    ['BF16', 2],
    ['F64', 8],
    ['I64', 8],
  ] as const),
];

/** Another shape and type for one tensor with a body that fits, so that what comes behind the reader sees it. */
function resize(tree: Members, body: Uint8Array, random: Random): Uint8Array {
  const list = entries(tree);
  const info = list.length > 0 ? random.pick(list)[1] : null;
  const shape = info instanceof Members ? info.get('shape') : undefined;
  const offsets = info instanceof Members ? info.get('data_offsets') : undefined;
  if (!(info instanceof Members) || !Array.isArray(shape) || !Array.isArray(offsets)) return body;
  const changed = shape.map((side) => (random.once(2) ? random.pick([0, 1, 2, 3, 5, 7, 16]) : side));
  const [begin, end] = offsets.map(Number);
  const [dtype, element] = random.pick(SIZES);
  const grown = changed.reduce<number>((product, side) => product * Number(side), element);
  if (begin === undefined || end === undefined || !(grown < 1 << 20) || !(end <= body.length)) return body;
  info.set('shape', changed);
  info.set('dtype', dtype);
  for (const [, other] of list) {
    const range = other instanceof Members ? other.get('data_offsets') : undefined;
    if (!(other instanceof Members) || !Array.isArray(range)) continue;
    const move = (position: Json) => (Number(position) >= end ? Number(position) + grown - (end - begin) : position);
    other.set('data_offsets', other === info ? [begin, begin + grown] : range.map(move));
  }
  return concatenate(body.subarray(0, begin), new Uint8Array(grown).fill(1), body.subarray(end));
}

/** The document inside the document. */
function mutateMetadata(tree: Members, random: Random): void {
  const metadata = tree.get('__metadata__');
  if (!(metadata instanceof Members)) return;
  const text = metadata.get('densenet-webgpu');
  if (typeof text !== 'string' || random.once(8)) {
    mutateTree(metadata, random);
    return;
  }
  try {
    let document = toTree(JSON.parse(text));
    for (let changes = 1 + random.below(3); changes > 0; changes--) document = mutateTree(document, random);
    metadata.set('densenet-webgpu', writeJson(document));
  } catch {
    metadata.set('densenet-webgpu', text.slice(random.below(text.length))); // no JSON since the change before
  }
}
