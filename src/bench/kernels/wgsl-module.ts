/** What a WGSL module declares outside its functions: uniforms, workgroup memory, functions, the entry point. */
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';
import { atRunTime, evaluate, structOf, UNKNOWN, type Value } from './wgsl-expression.js';
import type { Triple } from './wgsl-place.js';

export interface KernelText {
  /** For errors. */
  readonly label?: string;
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

export class WgslModule {
  readonly functions: ReadonlyMap<string, wgsl.Function>;
  /** Numbers of elements of the variables in workgroup memory. */
  readonly shared: readonly number[];
  private readonly constants: ReadonlyMap<string, wgsl.Const>;
  private readonly reflection = new wgsl.WgslReflect();

  /** @throws SyntaxError when the text is no WGSL that the parser understands */
  constructor(private readonly kernel: KernelText) {
    const nodes = parse(kernel, constantsFirst(kernel));
    this.reflection.updateAST(nodes);
    this.functions = byName(nodes.filter((node) => node instanceof wgsl.Function));
    this.constants = byName(nodes.filter((node) => node instanceof wgsl.Const));
    const variables = nodes.filter((node) => node instanceof wgsl.Var);
    this.shared = variables.filter(({ storage }) => storage === 'workgroup').map(({ type }) => elementsOf(type));
  }

  /** The kernel's entry point, or the only one. @throws SyntaxError when there is none of that name */
  get entry(): { readonly func: wgsl.Function; readonly size: Triple } {
    const { entryPoint } = this.kernel;
    for (const func of this.functions.values()) {
      const size = attributeOf(func, 'workgroup_size');
      if (!size || (entryPoint ?? func.name) !== func.name) continue;
      const [x = 1, y = 1, z = 1] = [size.value ?? []].flat().map((length) => this.lengthOf(length));
      return { func, size: [x, y, z] };
    }
    throw new SyntaxError(`the kernel has no entry point ${entryPoint ?? ''}`);
  }

  /** The uniforms' values. */
  uniforms({ params, uniforms = {} }: Given): Map<string, Value> {
    const named = Object.entries(params ?? {}).map(([name, number]) => [name, atRunTime([number])] as const);
    return new Map(
      this.reflection.uniforms.map(({ name, group, binding, members }) => {
        const words = uniforms[`${group},${binding}`];
        return [name, structOf(words ? recordedIn(words, members ?? []) : named)];
      }),
    );
  }

  /** @param length in the words of `@workgroup_size` */
  private lengthOf(length: string): number {
    const number = Number(length.replace(/[iu]$/, ''));
    if (!Number.isNaN(number)) return number;
    const none = () => undefined;
    const [value] = evaluate(this.constants.get(length)?.value ?? null, { get: none, call: none }).numbers;
    if (value === undefined) throw new SyntaxError(`the size of the workgroup is not known: ${length}`);
    return value;
  }
}

const byName = <T extends { readonly name: string }>(nodes: readonly T[]): Map<string, T> =>
  new Map(nodes.map((node) => [node.name, node]));

const attributeOf = ({ attributes }: wgsl.Function | wgsl.Override, wanted: string) =>
  attributes?.find(({ name }) => name === wanted);

const AFTER_LAST = /^(?:[\s;]|\/\/.*|\/\*[\s\S]*?\*\/)*$/;

function parse({ label = 'the kernel' }: KernelText, code: string): wgsl.Statement[] {
  const fail = (why: unknown) => new SyntaxError(`${label} is no WGSL that wgsl_reflect understands: ${why}`);
  let nodes: wgsl.Statement[];
  try {
    nodes = wgsl.WgslParser.Parse(code);
  } catch (cause) {
    throw fail(cause instanceof Error ? cause.message : cause);
  }
  // The parser stops without an error in front of a declaration that it does not know.
  const rest = code.slice(nodes.at(-1)?.end ?? 0);
  if (!AFTER_LAST.test(rest)) throw fail(`it stops at ${rest.trim().slice(0, 40)}`);
  return nodes;
}

/**
 * The text with aliases and constants in front, and overrides as constants. The parser puts only constants that it has
 * read into the lengths of arrays, and takes a length that it cannot calculate for 1.
 */
function constantsFirst(kernel: KernelText): string {
  const groups: Record<'aliases' | 'constants' | 'others', string[]> = { aliases: [], constants: [], others: [] };
  for (const node of parse(kernel, kernel.code)) {
    const text = kernel.code.slice(node.start, node.end);
    if (node instanceof wgsl.Alias) groups.aliases.push(text);
    else if (node instanceof wgsl.Const) groups.constants.push(text);
    else if (node instanceof wgsl.Override) groups.constants.push(asConstant(node, text, kernel));
    else groups.others.push(text);
  }
  return Object.values(groups).flat().join('\n');
}

function asConstant(node: wgsl.Override, text: string, { constants }: KernelText): string {
  const given = constants[node.name] ?? constants[`${attributeOf(node, 'id')?.value}`];
  if (given !== undefined) return `const ${node.name} = ${given};`;
  return node.value ? text.replace(/\boverride\b/, 'const') : text;
}

/** Arrays in arrays multiplied. */
const elementsOf = (type: wgsl.Type | null): number =>
  type instanceof wgsl.ArrayType ? type.count * elementsOf(type.format) : 1;

/** @param words the struct's bytes as little-endian u32 */
function recordedIn(words: readonly number[], members: readonly wgsl.MemberInfo[]): (readonly [string, Value])[] {
  const { buffer } = Uint32Array.from(words);
  const views = new Map<string, ArrayLike<number>>([
    ['u', new Uint32Array(buffer)],
    ['i', new Int32Array(buffer)],
    ['f', new Float32Array(buffer)],
  ]);
  return members.map(({ name, offset, type }) => {
    const [, letter = ''] = /^(?:vec\d)?([uif])(?:32)?$/.exec(type.getTypeName()) ?? [];
    const view = views.get(letter);
    if (!view) return [name, UNKNOWN];
    return [name, atRunTime(Array.from({ length: type.size / 4 }, (_, i) => view[offset / 4 + i]))];
  });
}
