/**
 * Unrolls the loops of a kernel that count up from zero to a constant, for compilers that do not: they keep an array that
 * a loop indexes in memory, not in registers. SwiftShader then takes more than twice as long. Intel's, AMD's and Qualcomm's
 * compilers make the same of either text.
 */
const CONSTANT = /^const (\w+) = ([^;]+);/gm;
const LOOP = /for \(var (\w+) = 0u; \1 < ([^;]+); \1(?:\+\+| \+= (\w+))\) \{/g;

/**
 * @param source WGSL
 * @example unroll('const T = 2u;\nfor (var i = 0u; i < T; i++) { a[i] = i; }')
 * // 'const T = 2u;\n{ a[0u] = 0u; }{ a[1u] = 1u; }'
 */
export function unroll(source: string): string {
  const constants = new Map<string, number>();
  for (const [, name = '', expression = ''] of source.matchAll(CONSTANT)) {
    const value = evaluate(expression, constants);
    if (value !== undefined) constants.set(name, value);
  }
  return unrolled(source, constants);
}

function unrolled(source: string, constants: ReadonlyMap<string, number>): string {
  for (const loop of source.matchAll(LOOP)) {
    const [head, variable = '', bound = '', by = '1u'] = loop;
    const [count, step] = [evaluate(bound, constants), evaluate(by, constants)];
    if (count === undefined || !step) continue;
    const start = loop.index + head.length;
    const end = closingBrace(source, start);
    const word = new RegExp(`\\b${variable}\\b`, 'g');
    const body = source.slice(start, end);
    const copies = Array.from({ length: Math.ceil(count / step) }, (_, i) => `{${body.replace(word, `${i * step}u`)}}`);
    return source.slice(0, loop.index) + unrolled(copies.join('') + source.slice(end + 1), constants);
  }
  return source;
}

function closingBrace(source: string, from: number): number {
  let depth = 1;
  for (let at = from; at < source.length; at++) {
    if (source[at] === '{') depth++;
    else if (source[at] === '}' && --depth === 0) return at;
  }
  throw new RangeError('a loop has no end');
}

/** Value of unsigned literals and constants joined by + - * /, strictly from left to right; else undefined. */
function evaluate(expression: string, constants: ReadonlyMap<string, number>): number | undefined {
  const [first = '', ...rest] = expression.match(/\w+|[^\w\s]/g) ?? [];
  let result = numberOf(first, constants);
  for (let i = 0; i < rest.length; i += 2) {
    const value = numberOf(rest[i + 1] ?? '', constants);
    if (result === undefined || value === undefined) return undefined;
    switch (rest[i]) {
      case '+':
        result += value;
        break;
      case '-':
        result -= value;
        break;
      case '*':
        result *= value;
        break;
      case '/':
        result = Math.floor(result / value);
        break;
      default:
        return undefined;
    }
  }
  return result;
}

const numberOf = (token: string, constants: ReadonlyMap<string, number>): number | undefined =>
  /^\d+u$/.test(token) ? Number.parseInt(token, 10) : constants.get(token);
