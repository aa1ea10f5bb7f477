/**
 * Values of WGSL's integer expressions, as far as a kernel's constants and parameters say them.
 *
 * Builtin values count as 0: the first workgroup and lane, which have the most to do wherever work is shared out.
 */

/** A number, or an operand of one that has no value of its own (a vector, an array). */
export interface Value {
  /** `undefined` where it is not known before the kernel runs. */
  readonly number: number | undefined;
  /** Whether a compiler knows it: made of literals, `const` and `override` alone. */
  readonly fixed: boolean;
  /** Whether it is a builtin, any part of which is 0. */
  readonly builtin?: boolean;
}

export const UNKNOWN: Value = { number: undefined, fixed: false };
export const BUILTIN: Value = { number: 0, fixed: false, builtin: true };

export interface Scope {
  get(name: string): Value | undefined;
  set(name: string, value: Value): void;
  /** Value of a field of a uniform, or of what else a member access names. */
  member(name: string, field: string): Value | undefined;
  /** Tells that a function was called; what it returns, where it is the kernel's own and that is known. */
  called(name: string, args: readonly Value[]): Value | undefined;
}

const TOKEN =
  /\s*(?:(0[xX][0-9a-fA-F]+|\d*\.?\d+(?:[eE][-+]?\d+)?\.?)[uifh]?|([A-Za-z_]\w*)|(<<=?|>>=?|[-+*/%&|^<>=!]=|&&|\|\||\+\+|--|->|[-+*/%&|^~!<>=(){}[\],;:.@]))/y;

export interface Token {
  readonly text: string;
  readonly kind: 'number' | 'name' | 'mark';
}

/** @throws SyntaxError at text that is no WGSL */
export function tokens(source: string): Token[] {
  const text = source
    .replace(/\/\/.*$/gm, '')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .trimEnd();
  const list: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const [, number, name, mark] = TOKEN.exec(text) ?? [];
    if (number !== undefined) list.push({ text: number, kind: 'number' });
    else if (name !== undefined) list.push({ text: name, kind: 'name' });
    else if (mark !== undefined) list.push({ text: mark, kind: 'mark' });
    else throw new SyntaxError(`no WGSL: ${text.slice(at, at + 40).trim()}`);
  }
  return list;
}

/** Reads tokens one after another. */
export class Cursor {
  constructor(
    private readonly list: readonly Token[],
    public at = 0,
  ) {}

  get text(): string {
    return this.list[this.at]?.text ?? '';
  }
  get kind(): Token['kind'] | 'end' {
    return this.list[this.at]?.kind ?? 'end';
  }
  next(): string {
    const { text } = this;
    this.at++;
    return text;
  }
  take(text: string): boolean {
    if (this.text !== text) return false;
    this.at++;
    return true;
  }
  peek(ahead: number): string {
    return this.list[this.at + ahead]?.text ?? '';
  }
  /** The place behind the bracket that closes the one here. */
  behindBracket(): number {
    let depth = 0;
    for (let at = this.at; at < this.list.length; at++) {
      const { text } = this.list[at] ?? { text: '' };
      if (text === '(' || text === '{' || text === '[') depth++;
      else if ((text === ')' || text === '}' || text === ']') && --depth === 0) return at + 1;
    }
    throw new SyntaxError(`a bracket is never closed: ${this.text}`);
  }
}

/** To behind the next `;`, over whole brackets. @param inBlock stops in front of a bracket that closes */
export function skipStatement(cursor: Cursor, inBlock = false): void {
  while (cursor.kind !== 'end') {
    if (cursor.take(';')) return;
    if (inBlock && (cursor.text === '}' || cursor.text === ')')) return;
    if (cursor.text === '(' || cursor.text === '{' || cursor.text === '[') cursor.at = cursor.behindBracket();
    else cursor.at++;
  }
}

/** Weakest first. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

/** The level of sums, where `>` closes a type's arguments and is no comparison. */
export const ADDITIVE = 8;

/** Reads one expression from the cursor. */
export function evaluate(cursor: Cursor, scope: Scope, level = 0): Value {
  const operators = LEVELS[level];
  if (!operators) return unary(cursor, scope);
  let left = evaluate(cursor, scope, level + 1);
  while (cursor.kind === 'mark' && operators.includes(cursor.text)) {
    const operator = cursor.next();
    left = combine(operator, left, evaluate(cursor, scope, level + 1));
  }
  return left;
}

export function combine(operator: string, left: Value, right: Value): Value {
  const fixed = left.fixed && right.fixed;
  if (left.number === undefined || right.number === undefined) return { number: undefined, fixed };
  return { number: binary(operator, left.number, right.number), fixed };
}

function binary(operator: string, a: number, b: number): number | undefined {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0 ? undefined : Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b;
    case '%':
      return b === 0 ? undefined : a % b;
    case '<<':
      return a * 2 ** b;
    case '>>':
      return Math.floor(a / 2 ** b);
    case '&':
      return a & b;
    case '|':
      return a | b;
    case '^':
      return a ^ b;
    case '<':
      return Number(a < b);
    case '>':
      return Number(a > b);
    case '<=':
      return Number(a <= b);
    case '>=':
      return Number(a >= b);
    case '==':
      return Number(a === b);
    case '!=':
      return Number(a !== b);
    case '&&':
      return Number(a !== 0 && b !== 0);
    case '||':
      return Number(a !== 0 || b !== 0);
    default:
      return undefined;
  }
}

function unary(cursor: Cursor, scope: Scope): Value {
  if (cursor.take('-')) return combine('-', { number: 0, fixed: true }, unary(cursor, scope));
  if (cursor.take('!')) return combine('==', unary(cursor, scope), { number: 0, fixed: true });
  for (const mark of ['~', '&', '*']) {
    if (!cursor.take(mark)) continue;
    unary(cursor, scope);
    return UNKNOWN;
  }
  return postfix(cursor, scope);
}

function postfix(cursor: Cursor, scope: Scope): Value {
  const name = cursor.kind === 'name' ? cursor.text : '';
  let value = primary(cursor, scope);
  for (;;) {
    if (cursor.take('[')) {
      const index = evaluate(cursor, scope);
      cursor.take(']');
      value = value.builtin ? BUILTIN : { number: undefined, fixed: value.fixed && index.fixed };
    } else if (cursor.take('.')) {
      const field = cursor.next();
      value = scope.member(name, field) ?? (value.builtin ? BUILTIN : { number: undefined, fixed: value.fixed });
    } else return value;
  }
}

function primary(cursor: Cursor, scope: Scope): Value {
  if (cursor.take('(')) {
    const value = evaluate(cursor, scope);
    cursor.take(')');
    return value;
  }
  if (cursor.kind === 'number') return { number: Number(cursor.next()), fixed: true };
  if (cursor.kind !== 'name') throw new SyntaxError(`an expression has ${cursor.text || 'no end'}`);
  const name = cursor.next();
  if (name === 'true' || name === 'false') return { number: Number(name === 'true'), fixed: true };
  skipTemplate(cursor);
  if (cursor.text !== '(') return scope.get(name) ?? UNKNOWN;
  return call(name, cursor, scope);
}

/** `array<vec4f, 4>` and the like: a type's arguments, which no comparison looks like. */
function skipTemplate(cursor: Cursor): void {
  if (cursor.text !== '<') return;
  let depth = 0;
  for (let ahead = 0; ; ahead++) {
    const text = cursor.peek(ahead);
    if (text === '<') depth++;
    else if (text === '>') depth--;
    else if (text === '>>') depth -= 2;
    else if (!/^[\w,]+$/.test(text)) return;
    if (depth > 0) continue;
    if (cursor.peek(ahead + 1) === '(') cursor.at += ahead + 1;
    return;
  }
}

const FUNCTIONS: Readonly<Record<string, (...args: number[]) => number>> = {
  u32: (x) => Math.trunc(x),
  i32: (x) => Math.trunc(x),
  f32: (x) => x,
  bool: (x) => Number(x !== 0),
  min: Math.min,
  max: Math.max,
  abs: Math.abs,
  ceil: Math.ceil,
  floor: Math.floor,
  clamp: (x, low, high) => Math.min(Math.max(x, low), high),
  select: (no, yes, which) => (which !== 0 ? yes : no),
  subgroupBroadcastFirst: (x) => x,
};

function call(name: string, cursor: Cursor, scope: Scope): Value {
  const args: Value[] = [];
  cursor.take('(');
  while (cursor.text !== ')' && cursor.kind !== 'end') {
    args.push(evaluate(cursor, scope));
    if (!cursor.take(',')) break;
  }
  if (!cursor.take(')')) throw new SyntaxError(`the arguments of ${name} have no end`);
  const returned = scope.called(name, args);
  if (returned) return returned;
  const fixed = args.every((arg) => arg.fixed);
  const numbers = args.flatMap(({ number }) => (number === undefined ? [] : [number]));
  const known = numbers.length === args.length && Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (known) return { number: known(...numbers), fixed: fixed && name !== 'subgroupBroadcastFirst' };
  const isBuiltin = args.length > 0 && args.every((arg) => arg.builtin) && /^(?:u32|vec)/.test(name);
  return isBuiltin ? BUILTIN : { number: undefined, fixed };
}
