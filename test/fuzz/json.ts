/**
 * JSON as a fuzzer needs it: keys may repeat and be called `__proto__`, and pieces of text may stand in for values that
 * no writer would write.
 */
import type { Random } from './random.js';

/** An object's members in order. */
export class Members {
  constructor(readonly list: [key: string, value: Json][]) {}

  get(key: string): Json | undefined {
    return this.list.find(([name]) => name === key)?.[1];
  }

  set(key: string, value: Json): void {
    const member = this.list.find(([name]) => name === key);
    if (member) member[1] = value;
    else this.list.push([key, value]);
  }
}

/** Text that is written as it stands. */
export class Raw {
  constructor(readonly text: string) {}
}

export type Json = null | boolean | number | string | Json[] | Members | Raw;

/** What `JSON.parse` gives, as a tree that can be changed. */
export function toTree(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toTree);
  if (typeof value === 'object' && value !== null) {
    return new Members(Object.entries(value).map(([key, inner]) => [key, toTree(inner)]));
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

export function copyTree(value: Json): Json {
  if (Array.isArray(value)) return value.map(copyTree);
  return value instanceof Members ? copyMembers(value) : value;
}

export function copyMembers({ list }: Members): Members {
  return new Members(list.map(([key, value]) => [key, copyTree(value)]));
}

export function writeJson(value: Json): string {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`;
  if (!(value instanceof Members)) return JSON.stringify(value);
  return `{${value.list.map(([key, inner]) => `${JSON.stringify(key)}:${writeJson(inner)}`).join(',')}}`;
}

export const HOSTILE_KEYS: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '__metadata__',
  'length',
  '',
  '\u0000',
  '../../../etc/passwd',
  'https://example.com/x.bin',
];

function hostileValue(random: Random): Json {
  switch (random.below(10)) {
    case 0:
      return random.pick([0, -1, 1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308, -0]);
    case 1:
      return new Raw(random.pick(['NaN', 'Infinity', '-Infinity', '1e999', '-1e999', '0x10', '01', 'undefined', '']));
    case 2:
      return random.pick(HOSTILE_KEYS);
    case 3:
      return 'a'.repeat(1 << random.below(15));
    case 4:
      return random.pick(['\ud800', '\u202e', '\ufeff', '{{', '%s%n', "'; --", '$&', '0'.repeat(400)]);
    case 5:
      return new Raw('['.repeat(1 << random.below(14)));
    case 6: {
      const depth = 1 << random.below(13);
      return new Raw(`${'{"a":'.repeat(depth)}null${'}'.repeat(depth)}`);
    }
    case 7:
      return random.pick([null, true, false]);
    case 8:
      return random.once(2) ? [] : Array.from({ length: 1 << random.below(12) }, () => 1);
    default:
      return random.once(2) ? new Members([]) : new Members([[random.pick(HOSTILE_KEYS), new Members([])]]);
  }
}

/** Changes one place of the tree, which is not copied; the root itself once in a hundred times. */
export function mutateTree(root: Json, random: Random): Json {
  let parent: Json = root;
  if (random.once(100)) return hostileValue(random);
  for (;;) {
    const entries: Json[] = parent instanceof Members ? parent.list.map(([, value]) => value) : [];
    const children = Array.isArray(parent) ? parent : entries;
    if (children.length === 0) return root;
    const index = random.below(children.length);
    const child: Json = children[index] ?? null;
    if ((child instanceof Members || Array.isArray(child)) && !random.once(4)) {
      parent = child;
      continue;
    }
    if (Array.isArray(parent)) mutateList(parent, index, random);
    else if (parent instanceof Members) mutateMember(parent.list, index, random);
    return root;
  }
}

function mutateList(list: Json[], index: number, random: Random): void {
  const value = list[index] ?? null;
  switch (random.below(4)) {
    case 0:
      list.splice(index, 1);
      break;
    case 1:
      list.splice(index, 0, copyTree(value));
      break;
    default:
      list[index] = nearby(value, random);
  }
}

function mutateMember(list: [string, Json][], index: number, random: Random): void {
  const [key, value] = list[index] ?? ['', null];
  switch (random.below(6)) {
    case 0:
      list.splice(index, 1);
      break;
    case 1:
      list.push([key, random.once(2) ? copyTree(value) : hostileValue(random)]);
      break;
    case 2:
      list[index] = [random.once(2) ? random.pick(HOSTILE_KEYS) : random.pick(list)[0], value];
      break;
    default:
      list[index] = [key, nearby(value, random)];
  }
}

/** Often something of the same type, so that checks behind the check of the type are reached. */
function nearby(value: Json, random: Random): Json {
  if (typeof value === 'number' && random.once(2)) return value + random.below(5) - 2;
  if (typeof value === 'string' && random.once(2)) {
    const at = random.below(value.length + 1);
    const letter = String.fromCharCode(random.below(128));
    return value.slice(0, at) + (random.once(2) ? letter : '') + value.slice(at + random.below(3));
  }
  return hostileValue(random);
}
