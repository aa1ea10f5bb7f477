/**
 * Makes a kernel's text for one tile: sets its `// tile` constants and unrolls its `// unroll` loops.
 *
 * Why text: several compilers (SwiftShader's among them) keep a loop-indexed private array in memory, not in registers,
 * which costs a register-tiled kernel most of its speed. The file itself stays readable
 * WGSL, and valid once its `// subgroup` lines are left out: a broadcast's lane must be a constant, which the loops'
 * variables become by unrolling.
 */
import { OptionError } from '../core/errors.js';

const TILE_CONSTANT = /^const (\w+) = (\d+)u; \/\/ tile$/gm;
const CONSTANT = /^const (\w+) = ([^;]+);/gm;
const LOOP = /for \(var (\w+) = 0u; \1 < ([^;]+); \1\+\+\) \{ \/\/ unroll(?: sliced)?/;

/** Tile constants of a kernel file and their defaults, in order of appearance. */
export function tileConstants(source: string): Record<string, number> {
  return Object.fromEntries([...source.matchAll(TILE_CONSTANT)].map(([, name = '', value]) => [name, Number(value)]));
}

/**
 * @param source a kernel file
 * @param tile values for its `// tile` constants; those left out keep the file's default
 * @throws OptionError when the file has no such constant
 * @example expand('const T = 1u; // tile\nfor (var i = 0u; i < T; i++) { // unroll\n a[i] = i; }', { T: 2 })
 * // 'const T = 2u;\n{ a[0u] = 0u; } { a[1u] = 1u; }'
 */
export function expand(source: string, tile: Readonly<Record<string, number>> = {}): string {
  const known = tileConstants(source);
  for (const name of Object.keys(tile)) {
    if (!(name in known)) throw new OptionError(name, `the kernel has no tile constant ${name}`);
  }
  const set = source.replace(
    TILE_CONSTANT,
    (_, name: string, value: string) => `const ${name} = ${tile[name] ?? value}u;`,
  );
  return unroll(set, constants(set));
}

function constants(source: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const [, name = '', expression = ''] of source.matchAll(CONSTANT)) {
    const value = evaluate(expression, values);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

function unroll(source: string, values: ReadonlyMap<string, number>): string {
  const loop = LOOP.exec(source);
  if (!loop) return source;
  const [head, variable = '', bound = ''] = loop;
  const count = evaluate(bound, values);
  if (count === undefined) throw new OptionError('tile', `the bound of an unrolled loop is not constant: ${bound}`);
  const start = loop.index + head.length;
  const end = closingBrace(source, start);
  const body = source.slice(start, end);
  const word = new RegExp(`\\b${variable}\\b`, 'g');
  const copies = Array.from({ length: count }, (_, i) => `{${body.replace(word, `${i}u`)}}`);
  return source.slice(0, loop.index) + unroll(copies.join('') + source.slice(end + 1), values);
}

function closingBrace(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '{') depth++;
    else if (source[at] === '}' && --depth === 0) return at;
  }
  throw new OptionError('kernel', 'an unrolled loop has no end');
}

/** Value of unsigned literals and known constants joined by + - * /, strictly from left to right; else undefined. */
function evaluate(expression: string, values: ReadonlyMap<string, number>): number | undefined {
  let result: number | undefined;
  let operator = '+';
  for (const [token] of expression.matchAll(/[\w]+|[-+*/%]/g)) {
    if (/^\W$/.test(token)) {
      operator = token;
      continue;
    }
    const value = /^\d+u?$/.test(token) ? Number.parseInt(token, 10) : values.get(token);
    if (value === undefined) return undefined;
    if (result === undefined) result = value;
    else if (operator === '*') result *= value;
    else if (operator === '/') result = Math.floor(result / value);
    else if (operator === '+') result += value;
    else if (operator === '-') result -= value;
    else return undefined;
  }
  return result;
}
