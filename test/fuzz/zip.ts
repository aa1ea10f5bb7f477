/** Hostile zip archives: other members, and lies in the records that describe them. */
import { unzipSync, zipSync } from 'fflate';
import { corruptNumber } from './bytes.js';
import type { Random } from './random.js';

type Field = readonly [offset: number, size: number];

/** Fields of the records by the two bytes that follow `PK` (APPNOTE.TXT, section 4.3). */
const RECORDS: ReadonlyMap<number, readonly Field[]> = new Map<number, readonly Field[]>([
  [
    0x0403,
    [
      [6, 2],
      [8, 2],
      [14, 4],
      [18, 4],
      [22, 4],
      [26, 2],
      [28, 2],
    ],
  ],
  [
    0x0201,
    [
      [8, 2],
      [10, 2],
      [20, 4],
      [24, 4],
      [28, 2],
      [30, 2],
      [32, 2],
      [42, 4],
    ],
  ],
  [
    0x0605,
    [
      [8, 2],
      [10, 2],
      [12, 4],
      [16, 4],
      [20, 2],
    ],
  ],
  [
    0x0606,
    [
      [24, 8],
      [32, 8],
      [40, 8],
      [48, 8],
    ],
  ],
  [0x0706, [[8, 8]]],
]);

export type Members = Readonly<Record<string, Uint8Array>>;

export const openArchive = (file: Uint8Array): Members => unzipSync(file);

/** Archives hold a time; an input must not depend on when it is made. */
const MADE = '2000-01-01T12:00:00';

/** Stored or deflated, one member in a hundred archives a bomb. */
export function writeArchive(members: Members, random: Random): Uint8Array {
  const level = random.once(40) ? 6 : 0;
  if (!random.once(200)) return zipSync(members, { level, mtime: MADE });
  const victim = random.pick(Object.keys(members));
  return zipSync({ ...members, [victim]: new Uint8Array(1 << (16 + random.below(8))) }, { level: 6, mtime: MADE });
}

/** Members dropped, renamed, cut or exchanged, a copy. */
export function mutateMembers(members: Members, random: Random): Members {
  const list = Object.entries(members);
  const [name, data] = random.pick(list);
  const [otherName, otherData] = random.pick(list);
  const rest = Object.fromEntries(list.filter(([key]) => key !== name));
  switch (random.below(5)) {
    case 0:
      return rest;
    case 1:
      return { ...rest, [`../../${name}`]: data };
    case 2:
      return { ...rest, [name]: data.subarray(0, random.below(data.length)) };
    case 3:
      return { ...members, [name]: otherData, [otherName]: data };
    default:
      return { ...rest, [name.replaceAll('/', '\\')]: data };
  }
}

/** A copy with other numbers in one or two of its records. */
export function lieInRecords(file: Uint8Array, random: Random): Uint8Array {
  const bytes = Uint8Array.from(file);
  for (let lies = 1 + random.below(2); lies > 0; lies--) lieInRecord(bytes, random);
  return bytes;
}

function lieInRecord(bytes: Uint8Array, random: Random): void {
  const found: [at: number, fields: readonly Field[]][] = [];
  for (let at = bytes.indexOf(0x50); at >= 0; at = bytes.indexOf(0x50, at + 1)) {
    const fields = bytes[at + 1] === 0x4b ? RECORDS.get((bytes[at + 2] ?? 0) | ((bytes[at + 3] ?? 0) << 8)) : undefined;
    if (fields) found.push([at, fields]);
  }
  // The end record is one of many, and the first that a reader believes.
  const last = found.at(-1);
  if (!last) return;
  const [at, fields] = random.once(4) ? last : random.pick(found);
  const [offset, size] = random.pick(fields);
  corruptNumber(bytes, at + offset, size, random);
}
