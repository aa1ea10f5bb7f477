/** What a WGSL module declares outside its functions: constants, uniforms, workgroup memory, functions, entry points. */
import {
  ADDITIVE,
  Cursor,
  evaluate,
  type Scope,
  skipStatement,
  tokens,
  UNKNOWN,
  type Value,
} from './wgsl-expression.js';

export interface KernelText {
  readonly code: string;
  readonly entryPoint?: string | null;
  /** Values of overrides, by name or by `@id`. */
  readonly constants: Readonly<Record<string, number>>;
  /** Fields of uniform structs. */
  readonly params: Readonly<Record<string, number>>;
  /** Of the dispatch, where it is known. */
  readonly workgroups?: readonly [x: number, y: number, z: number];
}

export interface WgslFunction {
  /** Names of its parameters. */
  readonly params: readonly string[];
  /** The token that opens its body. */
  readonly body: number;
}

export class WgslModule {
  readonly list;
  readonly functions = new Map<string, WgslFunction>();
  /** Numbers of elements of the variables in workgroup memory. */
  readonly shared: number[] = [];
  private readonly globals = new Map<string, Value>();
  private readonly uniforms = new Set<string>();
  /** Parameters of entry points that are `num_workgroups`. */
  private readonly grids = new Set<string>();
  /** Entry point → the token behind its `workgroup_size`. */
  private readonly entries = new Map<string, number>();

  /** @throws SyntaxError when the text is no WGSL */
  constructor(private readonly kernel: KernelText) {
    this.list = tokens(kernel.code);
    const cursor = new Cursor(this.list);
    let attributes = 0;
    while (cursor.kind !== 'end') {
      const word = cursor.text;
      if (word === '@') {
        cursor.at += 2;
        if (cursor.text === '(') cursor.at = cursor.behindBracket();
        continue;
      }
      if (word === 'fn') this.declareFunction(cursor, attributes);
      else if (word === 'const' || word === 'override') this.declareConstant(cursor, attributes);
      else if (word === 'var') this.declareVariable(cursor);
      else if (word === 'struct') cursor.at = new Cursor(this.list, cursor.at + 2).behindBracket();
      else skipStatement(cursor);
      attributes = cursor.at;
    }
  }

  /** The kernel's entry point, or the only one. @throws SyntaxError when there is none of that name */
  get entry(): { readonly func: WgslFunction; readonly invocations: number } {
    const [only = ''] = this.entries.keys();
    const name = this.kernel.entryPoint ?? only;
    const func = this.functions.get(name);
    const size = this.entries.get(name);
    if (!func || size === undefined) throw new SyntaxError(`the kernel has no entry point ${name}`);
    return { func, invocations: this.workgroupSize(size) };
  }

  /** Names as they are seen in a function with these local ones. */
  scope(names: Map<string, Value>, called: Scope['called'] = () => undefined): Scope {
    const { params, workgroups } = this.kernel;
    return {
      get: (name) => names.get(name) ?? this.globals.get(name),
      member: (name, field) => {
        if (this.grids.has(name)) return { number: workgroups?.['xyz'.indexOf(field)], fixed: false };
        if (!this.uniforms.has(name)) return undefined;
        return { number: Object.hasOwn(params, field) ? params[field] : undefined, fixed: false };
      },
      set: (name, value) => void (names.has(name) ? names : this.globals).set(name, value),
      called,
    };
  }

  private valueAt(cursor: Cursor, level = 0): Value {
    return evaluate(cursor, this.scope(new Map()), level);
  }

  private declareConstant(cursor: Cursor, attributes: number): void {
    const id = this.list[attributes]?.text === '@' && this.list[attributes + 1]?.text === 'id' ? attributes + 3 : -1;
    const isOverride = cursor.next() === 'override';
    const name = cursor.next();
    while (cursor.text !== '=' && cursor.text !== ';' && cursor.kind !== 'end') cursor.at++;
    const { constants } = this.kernel;
    const given = isOverride ? (constants[name] ?? constants[this.list[id]?.text ?? '']) : undefined;
    const value = cursor.take('=') ? this.valueAt(cursor) : UNKNOWN;
    this.globals.set(name, given === undefined ? value : { number: Number(given), fixed: true });
    skipStatement(cursor);
  }

  private declareVariable(cursor: Cursor): void {
    let ahead = 1;
    let space = '';
    if (cursor.peek(ahead) === '<') {
      space = cursor.peek(ahead + 1);
      while (cursor.peek(ahead) !== '>' && cursor.peek(ahead) !== '') ahead++;
      ahead++;
    }
    if (space === 'uniform') this.uniforms.add(cursor.peek(ahead));
    if (space === 'workgroup') this.shared.push(this.elements(new Cursor(this.list, cursor.at + ahead + 2)));
    skipStatement(cursor);
  }

  /** Elements of a type, arrays in arrays multiplied. */
  private elements(cursor: Cursor): number {
    if (!cursor.take('array') || !cursor.take('<')) return 1;
    const inner = this.elements(cursor);
    while (cursor.text !== ',' && cursor.text !== '' && cursor.text !== ';') cursor.at++;
    cursor.take(',');
    return inner * (this.valueAt(cursor, ADDITIVE).number ?? 1);
  }

  /** @param attributes the first token of what stands in front of it */
  private declareFunction(cursor: Cursor, attributes: number): void {
    for (let at = attributes; at < cursor.at; at++)
      if (this.list[at]?.text === 'workgroup_size') this.entries.set(cursor.peek(1), at + 1);
    cursor.next();
    const name = cursor.next();
    const end = cursor.behindBracket();
    const params: string[] = [];
    for (cursor.at++; cursor.at < end; cursor.at++) {
      if (cursor.peek(1) !== ':' || cursor.kind !== 'name') continue;
      params.push(cursor.text);
      if (cursor.peek(-2) === 'num_workgroups') this.grids.add(cursor.text);
    }
    cursor.at = end;
    while (cursor.text !== '{' && cursor.kind !== 'end') {
      if (cursor.text === '@' && cursor.peek(2) === '(')
        cursor.at = new Cursor(this.list, cursor.at + 2).behindBracket();
      else cursor.at++;
    }
    this.functions.set(name, { params, body: cursor.at });
    cursor.at = cursor.behindBracket();
  }

  private workgroupSize(at: number): number {
    const cursor = new Cursor(this.list, at);
    const end = cursor.behindBracket();
    cursor.take('(');
    let size = 1;
    while (cursor.at < end - 1) {
      const { number } = this.valueAt(cursor);
      if (number === undefined) throw new SyntaxError('the size of the workgroup is not known');
      size *= number;
      if (!cursor.take(',')) break;
    }
    return size;
  }
}
