/**
 * The loops of a WGSL kernel and how often each turns, from its text, its constants and the parameters it is given.
 *
 * Every branch counts as taken, every function as put in where it is called. Of loops that lanes or workgroups share out
 * the first has the most turns, and those are counted: a wave turns as often as its busiest lane.
 */
import {
  BUILTIN,
  Cursor,
  combine,
  evaluate,
  type Scope,
  skipStatement,
  UNKNOWN,
  type Value,
} from './wgsl-expression.js';
import { type KernelText, WgslModule } from './wgsl-module.js';

export interface Loop {
  /** Turns each time that it is reached; `undefined` where text and parameters do not say. */
  readonly turns: number | undefined;
  /** Whether a compiler knows the turns, so that it may write the body out instead. */
  readonly fixed: boolean;
  readonly loops: readonly Loop[];
}

export interface KernelLoops {
  /** Invocations of a workgroup. */
  readonly invocations: number;
  readonly loops: readonly Loop[];
}

/** More turns are not followed one by one. */
const MAX_TURNS = 1_000_000;
/** Of a loop's turns, in which inner loops may turn differently. */
const MAX_FOLLOWED = 4096;

/** @throws SyntaxError when the text has no such entry point or is no WGSL */
export function kernelLoops(kernel: KernelText): KernelLoops {
  const module = new WgslModule(kernel);
  const { func, invocations } = module.entry;
  const builtins = new Map(func.params.map((param) => [param, BUILTIN]));
  return {
    invocations,
    loops: [...zeroing(module, invocations), ...new Bodies(module).bodyAt(func.body, builtins, [])],
  };
}

/** Workgroup memory starts as zeros: in front of the text Dawn puts a loop over what is larger than the workgroup. */
function zeroing({ shared }: WgslModule, invocations: number): Loop[] {
  const sizes = [...new Set(shared)].filter((size) => size > invocations).sort((a, b) => a - b);
  return sizes.map((size) => ({ turns: Math.ceil(size / invocations), fixed: true, loops: [] }));
}

/** Reads the bodies of functions. */
class Bodies {
  constructor(private readonly module: WgslModule) {}

  bodyAt(at: number, names: Map<string, Value>, callers: readonly string[]): Loop[] {
    const loops: Loop[] = [];
    this.block(new Cursor(this.module.list, at), names, loops, { callers, isSure: true });
    return loops;
  }

  /** Statements from `{` to its `}`. */
  private block(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const end = cursor.behindBracket();
    cursor.take('{');
    while (cursor.at < end - 1) this.statement(cursor, names, loops, context);
    cursor.at = end;
  }

  private statement(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const scope = this.module.scope(names, (name, args) => {
      loops.push(...this.calledLoops(name, args, context));
      return this.returned(name, args);
    });
    const word = cursor.text;
    if (word === '{') this.block(cursor, names, loops, context);
    else if (word === 'for') this.forLoop(cursor, names, loops, context);
    else if (word === 'while' || word === 'loop') this.otherLoop(cursor, names, loops, context);
    else if (word === 'if' || word === 'else' || word === 'switch' || word === 'case' || word === 'default')
      this.branch(cursor, names, loops, context, scope);
    else if (word === 'let' || word === 'const' || word === 'var') declare(cursor, names, scope);
    else if (word === '@' || word === 'continuing') cursor.at++;
    else assignOrCall(cursor, scope, context.isSure);
  }

  private branch(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context, scope: Scope): void {
    const word = cursor.next();
    if (word === 'if' || word === 'switch') evaluate(cursor, scope);
    while (cursor.text !== '{' && cursor.text !== 'if' && cursor.kind !== 'end') cursor.at++;
    if (cursor.text !== '{') return;
    if (word === 'switch') cursor.take('{');
    else this.block(cursor, names, loops, { ...context, isSure: false });
    if (word === 'switch') this.switchBody(cursor, names, loops, context);
  }

  private switchBody(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    while (cursor.text !== '}' && cursor.kind !== 'end') this.statement(cursor, names, loops, context);
    cursor.take('}');
  }

  /** The loops of a function of the kernel, where it is called. */
  private calledLoops(name: string, args: readonly Value[], { callers }: Context): Loop[] {
    const func = this.module.functions.get(name);
    if (!func || callers.includes(name)) return [];
    const names = new Map(func.params.map((param, i) => [param, args[i] ?? UNKNOWN]));
    return this.bodyAt(func.body, names, [...callers, name]);
  }

  /** Value of a function of the kernel that is one expression. */
  private returned(name: string, args: readonly Value[]): Value | undefined {
    const func = this.module.functions.get(name);
    if (!func) return undefined;
    const cursor = new Cursor(this.module.list, func.body);
    if (!cursor.take('{') || !cursor.take('return')) return undefined;
    const names = new Map(func.params.map((param, i) => [param, args[i] ?? UNKNOWN]));
    return evaluate(cursor, this.module.scope(names));
  }

  private forLoop(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    cursor.next();
    const end = cursor.behindBracket();
    cursor.take('(');
    const local = new Map(names);
    const scope = this.module.scope(local, () => undefined);
    if (!cursor.take(';')) this.statement(cursor, local, loops, { ...context, isSure: true });
    const conditionAt = cursor.at;
    const condition = () =>
      this.module.list[conditionAt]?.text === ';'
        ? UNKNOWN
        : evaluate(new Cursor(this.module.list, conditionAt), scope);
    while (cursor.text !== ';') cursor.at++;
    const updateAt = cursor.at + 1;
    const update = () => assignOrCall(new Cursor(this.module.list, updateAt), scope, true);
    const fixed = condition().fixed;
    const turns: Loop[][] = [];
    const before = new Map(local);
    let count: number | undefined = 0;
    for (let value = condition(); value.number !== 0; value = condition()) {
      if (value.number === undefined || count >= MAX_TURNS) {
        count = undefined;
        break;
      }
      if (count < MAX_FOLLOWED && (count === 0 || turns[0]?.length)) turns.push(this.turn(end, local, context));
      count++;
      update();
    }
    if (turns.length === 0) turns.push(this.turn(end, before, context));
    cursor.at = end;
    cursor.at = cursor.behindBracket();
    forget(
      this.module.list.slice(end, cursor.at).map(({ text }) => text),
      names,
    );
    loops.push({ turns: count, fixed, loops: averaged(turns) });
  }

  private turn(at: number, names: Map<string, Value>, { callers }: Context): Loop[] {
    const loops: Loop[] = [];
    this.block(new Cursor(this.module.list, at), new Map(names), loops, { callers, isSure: false });
    return loops;
  }

  private otherLoop(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    while (cursor.text !== '{' && cursor.kind !== 'end') cursor.at++;
    const start = cursor.at;
    const inner: Loop[] = [];
    this.block(cursor, new Map(names), inner, { ...context, isSure: false });
    forget(
      this.module.list.slice(start, cursor.at).map(({ text }) => text),
      names,
    );
    loops.push({ turns: undefined, fixed: false, loops: inner });
  }
}

interface Context {
  /** Functions that are being read, outermost first. */
  readonly callers: readonly string[];
  /** Whether the statement is run exactly once, so that what it assigns is known behind it. */
  readonly isSure: boolean;
}

/** What a loop assigns is unknown behind it. */
function forget(words: readonly string[], names: Map<string, Value>): void {
  for (const [i, word] of words.entries())
    if (names.has(word) && /^(?:[-+*/%&|^]=|<<=|>>=|=|\+\+|--)$/.test(words[i + 1] ?? '')) names.set(word, UNKNOWN);
}

/** The inner loops, with the mean of their turns over the turns of the outer. */
function averaged(turns: readonly (readonly Loop[])[]): readonly Loop[] {
  const [first = []] = turns;
  return first.map((loop, i) => {
    const same = turns.flatMap((list) => (list[i] ? [list[i]] : []));
    const known = same.flatMap((each) => (each.turns === undefined ? [] : [each.turns]));
    const mean = known.reduce((sum, count) => sum + count, 0) / Math.max(known.length, 1);
    return {
      turns: known.length === same.length ? mean : undefined,
      fixed: loop.fixed,
      loops: averaged(same.map((each) => each.loops)),
    };
  });
}

function declare(cursor: Cursor, names: Map<string, Value>, scope: Scope): void {
  cursor.next();
  const name = cursor.next();
  while (cursor.text !== '=' && cursor.text !== ';' && cursor.kind !== 'end') cursor.at++;
  names.set(name, cursor.take('=') ? evaluate(cursor, scope) : UNKNOWN);
  skipStatement(cursor);
}

function assignOrCall(cursor: Cursor, scope: Scope, isSure: boolean): void {
  if (cursor.kind === 'name' && !/^(?:return|break|continue|discard)$/.test(cursor.text)) {
    const name = cursor.text;
    const operator = cursor.peek(1);
    if (operator === '++' || operator === '--') {
      const step = combine(operator === '++' ? '+' : '-', scope.get(name) ?? UNKNOWN, { number: 1, fixed: true });
      scope.set(name, isSure ? step : UNKNOWN);
      cursor.at += 2;
    } else if (operator === '=' || /^(?:[-+*/%&|^]|<<|>>)=$/.test(operator)) {
      cursor.at += 2;
      const value = evaluate(cursor, scope);
      const result = operator === '=' ? value : combine(operator.slice(0, -1), scope.get(name) ?? UNKNOWN, value);
      scope.set(name, isSure ? result : UNKNOWN);
    } else evaluate(cursor, scope);
  } else if (cursor.text === 'return' && cursor.peek(1) !== ';') {
    cursor.next();
    evaluate(cursor, scope);
  }
  // Behind `a[i].b = …` or `(*p) += …`: the right side may call functions.
  while (cursor.kind === 'mark' && cursor.text !== ';' && cursor.text !== ')' && cursor.text !== '}') {
    const isAssignment = cursor.text.endsWith('=');
    cursor.next();
    if (isAssignment) evaluate(cursor, scope);
  }
  skipStatement(cursor, true);
}
