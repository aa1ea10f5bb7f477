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
import { type Field, fieldsOf, valuesOf } from './wgsl-layout.js';

export interface KernelText {
  readonly code: string;
  readonly entryPoint?: string | null;
  /** Values of overrides, by name or by `@id`. */
  readonly constants: Readonly<Record<string, number>>;
}

/** What a kernel is given when it is dispatched. */
export interface Given {
  /** Fields of uniform structs by their names alone. */
  readonly params?: Readonly<Record<string, number>> | null;
  /** Uniform buffers as they were recorded, in u32 words, by `group,binding`. */
  readonly uniforms?: Readonly<Record<string, readonly number[]>>;
}

export interface WgslFunction {
  readonly params: readonly { readonly name: string; readonly builtin: string | undefined }[];
  /** The token that opens its body. */
  readonly body: number;
}

export class WgslModule {
  readonly list;
  readonly functions = new Map<string, WgslFunction>();
  /** Numbers of elements of the variables in workgroup memory. */
  readonly shared: number[] = [];
  private readonly globals = new Map<string, Value>();
  private readonly uniforms = new Map<string, { readonly binding: string; readonly fields: readonly Field[] }>();
  private readonly structs = new Map<string, readonly Field[]>();
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
      else if (word === 'var') this.declareVariable(cursor, attributes);
      else if (word === 'struct') this.declareStruct(cursor);
      else skipStatement(cursor);
      attributes = cursor.at;
    }
  }

  /** The kernel's entry point, or the only one. @throws SyntaxError when there is none of that name */
  get entry(): { readonly func: WgslFunction; readonly size: readonly [x: number, y: number, z: number] } {
    const [only = ''] = this.entries.keys();
    const name = this.kernel.entryPoint ?? only;
    const func = this.functions.get(name);
    const size = this.entries.get(name);
    if (!func || size === undefined) throw new SyntaxError(`the kernel has no entry point ${name}`);
    return { func, size: this.workgroupSize(size) };
  }

  /** A run of the kernel with what it is given: a scope for each function, by its local names. */
  run({ params, uniforms = {} }: Given): (names: Map<string, Value>, called: Scope['called']) => Scope {
    const globals = new Map(this.globals);
    const values = new Map(
      [...this.uniforms].map(([name, { binding, fields }]) => {
        const words = uniforms[binding];
        return [name, words ? valuesOf(fields, words) : new Map<string, Value>()];
      }),
    );
    const named = new Map(Object.entries(params ?? {}));
    return (names, called) => ({
      get: (name) => names.get(name) ?? globals.get(name),
      member: (name, field) => {
        const known = values.get(name);
        return known && (known.get(field) ?? { number: named.get(field), fixed: false });
      },
      set: (name, value) => void (names.has(name) ? names : globals).set(name, value),
      called,
    });
  }

  private valueAt(cursor: Cursor, level = 0): Value {
    const none = () => undefined;
    return evaluate(cursor, { get: (name) => this.globals.get(name), member: none, set: none, called: none }, level);
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

  private declareStruct(cursor: Cursor): void {
    const name = cursor.peek(1);
    cursor.at += 2;
    this.structs.set(name, fieldsOf(cursor));
  }

  private declareVariable(cursor: Cursor, attributes: number): void {
    let ahead = 1;
    let space = '';
    if (cursor.peek(ahead) === '<') {
      space = cursor.peek(ahead + 1);
      while (cursor.peek(ahead) !== '>' && cursor.peek(ahead) !== '') ahead++;
      ahead++;
    }
    if (space === 'uniform') {
      const fields = this.structs.get(cursor.peek(ahead + 2)) ?? [];
      this.uniforms.set(cursor.peek(ahead), { binding: this.bindingAt(attributes), fields });
    }
    if (space === 'workgroup') this.shared.push(this.elements(new Cursor(this.list, cursor.at + ahead + 2)));
    skipStatement(cursor);
  }

  /** `group,binding` of the attributes there. */
  private bindingAt(attributes: number): string {
    const numbers = new Map<string, number>();
    const cursor = new Cursor(this.list, attributes);
    while (cursor.take('@')) {
      const name = cursor.next();
      if (cursor.text !== '(') continue;
      numbers.set(name, this.valueAt(new Cursor(this.list, cursor.at + 1)).number ?? -1);
      cursor.at = cursor.behindBracket();
    }
    return `${numbers.get('group')},${numbers.get('binding')}`;
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
    const params: { name: string; builtin: string | undefined }[] = [];
    let builtin: string | undefined;
    for (cursor.at++; cursor.at < end; cursor.at++) {
      if (cursor.text === 'builtin' && cursor.peek(1) === '(') builtin = cursor.peek(2);
      if (cursor.peek(1) !== ':' || cursor.kind !== 'name') continue;
      params.push({ name: cursor.text, builtin });
      builtin = undefined;
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

  private workgroupSize(at: number): [x: number, y: number, z: number] {
    const cursor = new Cursor(this.list, at);
    const end = cursor.behindBracket();
    cursor.take('(');
    const sizes: number[] = [];
    while (cursor.at < end - 1) {
      const { number } = this.valueAt(cursor);
      if (number === undefined) throw new SyntaxError('the size of the workgroup is not known');
      sizes.push(number);
      if (!cursor.take(',')) break;
    }
    const [x = 1, y = 1, z = 1] = sizes;
    return [x, y, z];
  }
}
