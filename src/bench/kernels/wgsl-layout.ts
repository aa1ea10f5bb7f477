/** Where the fields of a WGSL uniform struct lie, and their values in recorded bytes (WGSL, section 14.4.1). */
import type { Cursor, Value } from './wgsl-expression.js';

interface Type {
  /** Bytes. */
  readonly align: number;
  readonly size: number;
  /** Of its components; `null` where their values are of no use. */
  readonly scalar: 'u32' | 'i32' | 'f32' | null;
  readonly components: number;
}

export interface Field {
  readonly name: string;
  readonly type: Type;
}

const SCALARS: Readonly<Record<string, Type['scalar']>> = { u: 'u32', i: 'i32', f: 'f32', h: null };

/** Reads the fields of a struct from its `{`. Those from the first on whose type is not understood are left out. */
export function fieldsOf(cursor: Cursor): Field[] {
  const end = cursor.behindBracket();
  const fields: Field[] = [];
  cursor.take('{');
  while (cursor.at < end - 1) {
    const attributes = new Map<string, number>();
    while (cursor.take('@')) {
      const name = cursor.next();
      if (cursor.text !== '(') continue;
      attributes.set(name, Number(cursor.peek(1)));
      cursor.at = cursor.behindBracket();
    }
    const name = cursor.next();
    if (!cursor.take(':')) break;
    const type = typeAt(cursor);
    if (!type) break;
    const { align, size } = { ...type, ...Object.fromEntries(attributes) };
    fields.push({ name, type: { ...type, align, size } });
    cursor.take(',');
  }
  cursor.at = end;
  return fields;
}

/** @returns `null` where the type is not understood */
function typeAt(cursor: Cursor): Type | null {
  const name = cursor.next();
  const [, count, suffix] = /^vec([234])([uifh]?)$/.exec(name) ?? [];
  if (count !== undefined) {
    const inner = suffix === '' ? templateOf(cursor) : (suffix ?? '');
    return vector(Number(count), inner);
  }
  if (/^(?:u32|i32|f32|f16)$/.test(name)) return vector(1, name === 'f16' ? 'h' : name.slice(0, 1));
  if (name === 'array' && cursor.take('<')) {
    const inner = typeAt(cursor);
    const length = cursor.take(',') ? Number(cursor.next()) : Number.NaN;
    cursor.take('>');
    if (!inner || Number.isNaN(length)) return null;
    return { align: 16, size: length * Math.ceil(inner.size / 16) * 16, scalar: null, components: 0 };
  }
  return null;
}

/** The first letter of the type in `<…>`. */
function templateOf(cursor: Cursor): string {
  if (!cursor.take('<')) return '';
  const name = cursor.next();
  cursor.take('>');
  return name === 'f16' ? 'h' : name.slice(0, 1);
}

function vector(components: number, letter: string): Type | null {
  const scalar = SCALARS[letter];
  if (scalar === undefined) return null;
  const bytes = letter === 'h' ? 2 : 4;
  return { align: bytes * (components === 3 ? 4 : components), size: bytes * components, scalar, components };
}

/** @param words the struct's bytes as little-endian u32 */
export function valuesOf(fields: readonly Field[], words: readonly number[]): Map<string, Value> {
  const view = new DataView(Uint32Array.from(words).buffer);
  const values = new Map<string, Value>();
  let at = 0;
  for (const { name, type } of fields) {
    at = Math.ceil(at / type.align) * type.align;
    const parts = Array.from({ length: type.components }, (_, i) => numberAt(view, at + 4 * i, type.scalar));
    values.set(name, { number: type.components === 1 ? parts[0] : undefined, fixed: false, parts });
    at += type.size;
  }
  return values;
}

function numberAt(view: DataView, at: number, scalar: Type['scalar']): number | undefined {
  if (scalar === null || at + 4 > view.byteLength) return undefined;
  if (scalar === 'f32') return view.getFloat32(at, true);
  return scalar === 'u32' ? view.getUint32(at, true) : view.getInt32(at, true);
}
