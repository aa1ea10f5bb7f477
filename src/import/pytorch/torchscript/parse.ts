/**
 * The source text that TorchScript keeps of each class and function: a small part of Python's grammar (assignments, calls,
 * literals, `if` and `return`), printed by torch itself in one form. What is not known becomes a statement of its own
 * kind, for the interpreter to give up on where it is reached. Nothing is executed here.
 */

export type Expression =
  | { readonly kind: 'literal'; readonly value: number | string | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'attribute'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'index'; readonly of: Expression; readonly at: Expression }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'call';
      readonly of: Expression;
      readonly args: readonly Expression[];
      readonly keywords: ReadonlyMap<string, Expression>;
    };

export type Statement =
  | { readonly kind: 'assign'; readonly names: readonly string[]; readonly value: Expression }
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'return'; readonly value: Expression }
  | { readonly kind: 'if'; readonly test: Expression; readonly body: Block; readonly otherwise: Block }
  | { readonly kind: 'unknown'; readonly text: string };

export type Block = readonly Statement[];

export interface Definition {
  /** Without `self`. */
  readonly parameters: readonly string[];
  readonly body: Block;
}

/** Method or function by `Class.method` or `function`. */
export type Definitions = ReadonlyMap<string, Definition>;

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Deeper than torch nests its expressions. */
const MOST_DEPTH = 100;

/** @throws SyntaxError for text that torch does not print */
export function parseSource(source: string): Definitions {
  const lines = logicalLines(source);
  const definitions = new Map<string, Definition>();
  let owner = '';
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at];
    if (!line) break;
    const type = /^class (\w+)/.exec(line.text);
    if (type) owner = line.indent === 0 ? `${type[1]}.` : owner;
    const definition = /^def (\w+)\((.*)\)\s*(->.*)?:$/s.exec(line.text);
    if (!definition) continue;
    const inside = insideOf(lines, at);
    const parameters = split(definition[2] ?? '').map((part) => /^\w+/.exec(part.trim())?.[0] ?? '');
    const name = `${line.indent === 0 ? '' : owner}${definition[1]}`;
    definitions.set(name, {
      parameters: parameters.filter((part) => part !== '' && part !== 'self'),
      body: blockOf(inside),
    });
  }
  return definitions;
}

/** Lines whose brackets are closed, with their indentation; comments left out. */
function logicalLines(source: string): Line[] {
  const lines: Line[] = [];
  let open = 0;
  for (const raw of source.split('\n')) {
    const text = raw.trim();
    if (text === '' || text.startsWith('#')) continue;
    const last = lines.at(-1);
    if (open > 0 && last) lines[lines.length - 1] = { ...last, text: `${last.text} ${text}` };
    else lines.push({ indent: raw.length - raw.trimStart().length, text });
    open += depthOf(text);
  }
  return lines;
}

/** Brackets opened less those closed, outside of strings. */
function depthOf(text: string): number {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '');
  return [...bare].reduce((depth, c) => depth + ('([{'.includes(c) ? 1 : ')]}'.includes(c) ? -1 : 0), 0);
}

/** At the commas outside of brackets. */
function split(text: string): string[] {
  const parts = [''];
  let depth = 0;
  for (const c of text) {
    if (c === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += c;
    depth += '([{'.includes(c) ? 1 : ')]}'.includes(c) ? -1 : 0;
  }
  return parts;
}

/** The lines below one that are indented further. */
function insideOf(lines: readonly Line[], from: number): readonly Line[] {
  const indent = lines[from]?.indent ?? 0;
  let end = from + 1;
  while ((lines[end]?.indent ?? -1) > indent) end++;
  return lines.slice(from + 1, end);
}

function blockOf(lines: readonly Line[]): Block {
  const block: Statement[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (!line) break;
    const test = /^if (.*):$/s.exec(line.text);
    if (!test) {
      block.push(statementOf(line.text));
      at += 1;
      continue;
    }
    const body = insideOf(lines, at);
    at += 1 + body.length;
    const hasElse = lines[at]?.text === 'else:' && lines[at]?.indent === line.indent;
    const otherwise = hasElse ? insideOf(lines, at) : [];
    if (hasElse) at += 1 + otherwise.length;
    block.push({ kind: 'if', test: expressionOf(test[1] ?? ''), body: blockOf(body), otherwise: blockOf(otherwise) });
  }
  return block;
}

function statementOf(text: string): Statement {
  if (text === 'pass') return { kind: 'expression', value: { kind: 'literal', value: null } };
  if (/^(for|while|with|assert|raise|def|class) /.test(text)) return { kind: 'unknown', text };
  const result = /^return(?: (.*))?$/s.exec(text);
  if (result) return { kind: 'return', value: expressionOf(result[1] ?? 'None') };
  const assignment = /^(\w+(?:, ?\w+)*,?)(?: ?: [^=]+)? = (.*)$/s.exec(text);
  if (!assignment) return { kind: 'expression', value: expressionOf(text) };
  const names = (assignment[1] ?? '').split(',').map((name) => name.trim());
  return { kind: 'assign', names: names.filter((name) => name !== ''), value: expressionOf(assignment[2] ?? '') };
}

function expressionOf(text: string): Expression {
  const parser = new Parser(text);
  const value = parser.tuple();
  parser.end();
  return value;
}

const TOKEN = /\s*(?:(-?(?:\d+\.?\d*(?:e[+-]?\d+)?|\.\d+))|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|([A-Za-z_]\w*)|(.))/sy;

type Token = { readonly kind: 'number' | 'string' | 'name' | 'sign'; readonly text: string };

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    const tokens: Token[] = [];
    const pattern = new RegExp(TOKEN);
    for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
      const [, number, quoted, name, sign] = match;
      if (number !== undefined) tokens.push({ kind: 'number', text: number });
      else if (quoted !== undefined) tokens.push({ kind: 'string', text: quoted.slice(1, -1) });
      else if (name !== undefined) tokens.push({ kind: 'name', text: name });
      else if (sign !== undefined && sign.trim() !== '') tokens.push({ kind: 'sign', text: sign });
    }
    this.#tokens = tokens;
  }

  /** One expression, or several with commas between. */
  tuple(): Expression {
    const first = this.expression();
    if (!this.#is(',')) return first;
    const items = [first];
    while (this.#take(',')) if (!this.#isClosed()) items.push(this.expression());
    return { kind: 'list', items };
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw new SyntaxError(`unexpected ${this.#tokens[this.#at]?.text}`);
  }

  expression(): Expression {
    if (++this.#depth > MOST_DEPTH) throw new SyntaxError('nested without end');
    let value = this.#atom();
    for (;;) {
      if (this.#take('.')) value = { kind: 'attribute', of: value, name: this.#name() };
      else if (this.#take('(')) value = this.#call(value);
      else if (this.#take('[')) {
        value = { kind: 'index', of: value, at: this.tuple() };
        this.#expect(']');
      } else break;
    }
    this.#depth--;
    return value;
  }

  #call(of: Expression): Expression {
    const args: Expression[] = [];
    const keywords = new Map<string, Expression>();
    while (!this.#take(')')) {
      const [name, sign] = [this.#tokens[this.#at], this.#tokens[this.#at + 1]];
      if (name?.kind === 'name' && sign?.text === '=') {
        this.#at += 2;
        keywords.set(name.text, this.expression());
      } else args.push(this.expression());
      if (!this.#take(',') && !this.#is(')')) throw new SyntaxError('a comma is missing');
    }
    return { kind: 'call', of, args, keywords };
  }

  #atom(): Expression {
    const token = this.#tokens[this.#at++];
    if (!token) throw new SyntaxError('it ends early');
    if (token.kind === 'number') return { kind: 'literal', value: Number(token.text) };
    if (token.kind === 'string') return { kind: 'literal', value: token.text };
    if (token.kind === 'name') return constantOf(token.text) ?? { kind: 'name', name: token.text };
    if (token.text === '[' || token.text === '(') return this.#items(token.text === '[' ? ']' : ')');
    throw new SyntaxError(`unexpected ${token.text}`);
  }

  /** A list or a tuple, or one value in brackets. */
  #items(close: string): Expression {
    const items: Expression[] = [];
    let isList = close === ']';
    while (!this.#take(close)) {
      items.push(this.expression());
      if (this.#take(',')) isList = true;
      else if (!this.#is(close)) throw new SyntaxError('a comma is missing');
    }
    const [only] = items;
    return isList || !only ? { kind: 'list', items } : only;
  }

  #name(): string {
    const token = this.#tokens[this.#at++];
    if (token?.kind !== 'name') throw new SyntaxError('a name is missing');
    return token.text;
  }

  #is(sign: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'sign' && token.text === sign;
  }

  #isClosed(): boolean {
    return this.#at >= this.#tokens.length || this.#is(')') || this.#is(']');
  }

  #take(sign: string): boolean {
    if (!this.#is(sign)) return false;
    this.#at++;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw new SyntaxError(`${sign} is missing`);
  }
}

const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ['True', true],
  ['False', false],
  ['None', null],
]);

function constantOf(name: string): Expression | null {
  const value = CONSTANTS.get(name);
  return value === undefined ? null : { kind: 'literal', value };
}
