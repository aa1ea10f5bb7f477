/**
 * The loops of a WGSL kernel and how often each turns, from its text, its constants and what it is given.
 *
 * Every branch counts as taken, every function as put in where it is called. A wave turns as often as its first lane,
 * which has the most to do where lanes share work out. Behind a `return` that it takes no loop turns.
 */
import { Cursor, combine, evaluate, type Scope, skipStatement, UNKNOWN, type Value } from './wgsl-expression.js';
import type { Given, WgslModule } from './wgsl-module.js';
import { builtinValue, type Place, places, type Triple } from './wgsl-place.js';
import { ASSIGN, turnsUntil } from './wgsl-until.js';

export interface Loop {
  /** Turns each time that it is reached; `undefined` where text and parameters do not say. */
  readonly turns: number | undefined;
  /** Whether a compiler knows the turns, so that it may write the body out instead. */
  readonly fixed: boolean;
  readonly loops: readonly Loop[];
}

/** More turns are not followed one by one. */
const MAX_TURNS = 65_536;
/** Of a loop's turns, in which inner loops may turn differently. */
const MAX_FOLLOWED = 4096;

/** The loops of one wave. @throws SyntaxError when the text is no WGSL */
export function loopsAt(module: WgslModule, given: Given, place: Place): Loop[] {
  const { func, size } = module.entry;
  const names = new Map(func.params.map(({ name, builtin }) => [name, builtinValue(builtin, size, place)]));
  return [...zeroing(module), ...new Bodies(module, given).bodyAt(func.body, names, []).loops];
}

/** The mean over the waves of a dispatch. */
export function loopsOf(module: WgslModule, given: Given, workgroups: Triple, lanes: number): readonly Loop[] {
  const [first, ...others] = places(workgroups, module.entry.size, lanes);
  if (!first) return [];
  const last = others.at(-1);
  const start = loopsAt(module, given, first);
  if (!last) return start;
  const end = loopsAt(module, given, last);
  const middle = others[others.length >> 1];
  const all = [start, end, ...(middle ? [loopsAt(module, given, middle)] : [])];
  if (all.every((each) => isDeepEqual(each, start))) return start;
  return averaged([start, ...others.map((place) => loopsAt(module, given, place))]);
}

const isDeepEqual = (a: readonly Loop[], b: readonly Loop[]): boolean =>
  a.length === b.length &&
  a.every(({ turns, loops }, i) => turns === b[i]?.turns && isDeepEqual(loops, b[i]?.loops ?? []));

/** Workgroup memory starts as zeros: in front of the text Dawn puts a loop over what is larger than the workgroup. */
function zeroing({ shared, entry }: WgslModule): Loop[] {
  const invocations = entry.size.reduce((product, length) => product * length, 1);
  const sizes = [...new Set(shared)].filter((size) => size > invocations).sort((a, b) => a - b);
  return sizes.map((size) => ({ turns: Math.ceil(size / invocations), fixed: true, loops: [] }));
}

/** Reads the bodies of functions. */
class Bodies {
  private readonly scopeOf;
  /** Whether the kernel has returned. */
  private isOver = false;

  constructor(
    private readonly module: WgslModule,
    given: Given,
  ) {
    this.scopeOf = module.run(given);
  }

  bodyAt(at: number, names: Map<string, Value>, callers: readonly string[]): { loops: Loop[]; result: Value } {
    const loops: Loop[] = [];
    const context: Context = { callers, isSure: true, result: { value: null } };
    this.block(new Cursor(this.module.list, at), names, loops, context);
    return { loops, result: context.result.value ?? UNKNOWN };
  }

  /** Statements from `{` to its `}`. */
  private block(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const end = cursor.behindBracket();
    cursor.take('{');
    while (cursor.at < end - 1) this.statement(cursor, names, loops, context);
    cursor.at = end;
  }

  private statement(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const scope = this.scopeOf(names, (name, args) => this.call(name, args, loops, context));
    const word = cursor.text;
    if (word === '{') this.block(cursor, names, loops, context);
    else if (word === 'for') this.forLoop(cursor, names, loops, context);
    else if (word === 'while' || word === 'loop') this.otherLoop(cursor, names, loops, context);
    else if (word === 'if' || word === 'else' || word === 'switch' || word === 'case' || word === 'default')
      this.branch(cursor, names, loops, context, scope);
    else if (word === 'let' || word === 'const' || word === 'var') declare(cursor, names, scope);
    else if (word === '@' || word === 'continuing') cursor.at++;
    else if (word === 'return') this.returned(cursor, scope, context);
    else assignOrCall(cursor, scope, context.isSure);
  }

  private branch(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context, scope: Scope): void {
    const word = cursor.next();
    const { number } = word === 'if' || word === 'switch' ? evaluate(cursor, scope) : UNKNOWN;
    while (cursor.text !== '{' && cursor.text !== 'if' && cursor.kind !== 'end') cursor.at++;
    if (cursor.text !== '{') return;
    const isTaken = word === 'if' && number !== undefined && number !== 0;
    if (isTaken && context.isSure && context.callers.length === 0 && cursor.peek(1) === 'return') this.isOver = true;
    if (word === 'switch') cursor.take('{');
    else this.block(cursor, names, loops, { ...context, isSure: false });
    if (word === 'switch') this.switchBody(cursor, names, loops, context);
  }

  private switchBody(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    while (cursor.text !== '}' && cursor.kind !== 'end') this.statement(cursor, names, loops, context);
    cursor.take('}');
  }

  private returned(cursor: Cursor, scope: Scope, { isSure, result }: Context): void {
    cursor.next();
    const value = cursor.text === ';' ? UNKNOWN : evaluate(cursor, scope);
    if (isSure) result.value ??= value;
    else result.value ??= UNKNOWN;
    skipStatement(cursor, true);
  }

  /** Puts a function of the kernel in where it is called. */
  private call(name: string, args: readonly Value[], loops: Loop[], { callers }: Context): Value | undefined {
    const func = this.module.functions.get(name);
    if (!func || callers.includes(name)) return undefined;
    const names = new Map(func.params.map((param, i) => [param.name, args[i] ?? UNKNOWN]));
    const called = this.bodyAt(func.body, names, [...callers, name]);
    loops.push(...called.loops);
    return called.result;
  }

  private forLoop(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const { list } = this.module;
    cursor.next();
    const body = cursor.behindBracket();
    cursor.take('(');
    const local = new Map(names);
    const scope = this.quietScope(local, context);
    if (!cursor.take(';')) this.statement(cursor, local, loops, { ...context, isSure: true });
    const before = new Map(local);
    const assigned = this.assignedIn(body);
    const conditionAt = cursor.at;
    const condition = () =>
      list[conditionAt]?.text === ';' ? UNKNOWN : evaluate(new Cursor(list, conditionAt), scope);
    while (cursor.text !== ';') cursor.at++;
    const updateAt = cursor.at + 1;
    const { fixed } = condition();
    const turns = new Turns(this.isOver);
    for (let value = condition(); value.number !== 0 && turns.next(value.number); value = condition()) {
      if (turns.isFollowed) turns.bodies.push(this.turn(body, local, context));
      forget(assigned, local);
      assignOrCall(new Cursor(list, updateAt), scope, true);
    }
    this.close(cursor, body, names, loops, { turns, fixed, before, context });
  }

  private otherLoop(cursor: Cursor, names: Map<string, Value>, loops: Loop[], context: Context): void {
    const { list } = this.module;
    const condition = cursor.next() === 'while' ? cursor.at : null;
    while (cursor.text !== '{' && cursor.kind !== 'end') cursor.at++;
    const body = cursor.at;
    const local = new Map(names);
    const scope = this.quietScope(local, context);
    const assigned = this.assignedIn(body);
    const turns = new Turns(this.isOver);
    const assign = (at: number) => {
      const statement = new Cursor(list, at);
      if (/^(?:let|var|const)$/.test(statement.text)) declare(statement, local, scope);
      else assignOrCall(statement, scope, true);
    };
    const follow = (counters: ReadonlySet<string>) => {
      if (turns.isFollowed) turns.bodies.push(this.turn(body, local, context));
      forget(
        assigned.filter((name) => !counters.has(name)),
        local,
      );
    };
    if (!this.isOver) turns.count = turnsUntil(list, body, condition, { scope, assign, follow, most: MAX_TURNS });
    this.close(cursor, body, names, loops, { turns, fixed: false, before: new Map(names), context });
  }

  /** Behind a loop: what it assigns is unknown. */
  private close(cursor: Cursor, body: number, names: Map<string, Value>, loops: Loop[], loop: Closed): void {
    const { turns, fixed, before, context } = loop;
    if (turns.bodies.length === 0) turns.bodies.push(this.turn(body, before, context));
    cursor.at = new Cursor(this.module.list, body).behindBracket();
    forget(this.assignedIn(body), names);
    loops.push({ turns: turns.count, fixed, loops: averaged(turns.bodies) });
  }

  /** A scope in which calls have a value, and their loops are not noted. */
  private quietScope(names: Map<string, Value>, context: Context): Scope {
    return this.scopeOf(names, (name, args) => this.call(name, args, [], context));
  }

  /** Names that a body assigns to. */
  private assignedIn(body: number): string[] {
    const { list } = this.module;
    const end = new Cursor(list, body).behindBracket();
    return list.slice(body, end).flatMap(({ text }, i) => (ASSIGN.test(list[body + i + 1]?.text ?? '') ? [text] : []));
  }

  private turn(at: number, names: Map<string, Value>, { callers }: Context): Loop[] {
    const loops: Loop[] = [];
    const context: Context = { callers, isSure: false, result: { value: null } };
    this.block(new Cursor(this.module.list, at), new Map(names), loops, context);
    return loops;
  }
}

/** Counts the turns of a loop, and keeps the loops of its body, turn by turn, where there are any. */
class Turns {
  count: number | undefined = 0;
  readonly bodies: Loop[][] = [];

  constructor(private readonly isOver: boolean) {}

  /** @param value of the condition, which is not false */
  next(value: number | undefined): boolean {
    if (this.isOver) return false;
    this.count =
      value === undefined || this.count === undefined || this.count >= MAX_TURNS ? undefined : this.count + 1;
    return this.count !== undefined;
  }

  /** Whether the next turn's loops may be others than the first's. */
  get isFollowed(): boolean {
    const [first] = this.bodies;
    return !first || (first.some(mayVary) && this.bodies.length < MAX_FOLLOWED);
  }
}

const mayVary = ({ fixed, loops }: Loop): boolean => !fixed || loops.some(mayVary);

interface Closed {
  readonly turns: Turns;
  readonly fixed: boolean;
  /** Names in front of the first turn. */
  readonly before: Map<string, Value>;
  readonly context: Context;
}

interface Context {
  /** Functions that are being read, outermost first. */
  readonly callers: readonly string[];
  /** Whether the statement is run exactly once, so that what it assigns is known behind it. */
  readonly isSure: boolean;
  /** What the function returns, once it has. */
  readonly result: { value: Value | null };
}

/** What a turn has assigned is unknown behind it. */
function forget(assigned: readonly string[], names: Map<string, Value>): void {
  for (const name of assigned) if (names.has(name)) names.set(name, UNKNOWN);
}

/** The means of several runs of the same loops; of inner loops by how often the outer turned. */
function averaged(runs: readonly (readonly Loop[])[], weights: readonly number[] = runs.map(() => 1)): readonly Loop[] {
  const [first = []] = runs;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return first.map((loop, i) => {
    const turns = runs.map((loops) => loops[i]?.turns);
    const isKnown = turns.every((count) => count !== undefined);
    const sum = turns.reduce<number>((all, count, run) => all + (count ?? 0) * (weights[run] ?? 0), 0);
    const inner = turns.map((count, run) => (count ?? 1) * (weights[run] ?? 0));
    return {
      turns: isKnown ? (total > 0 ? sum / total : (turns[0] ?? 0)) : undefined,
      fixed: loop.fixed,
      loops: averaged(
        runs.map((loops) => loops[i]?.loops ?? []),
        inner,
      ),
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
  }
  // Behind `a[i].b = …` or `(*p) += …`: the right side may call functions.
  while (cursor.kind === 'mark' && cursor.text !== ';' && cursor.text !== ')' && cursor.text !== '}') {
    const isAssignment = cursor.text.endsWith('=');
    cursor.next();
    if (isAssignment) evaluate(cursor, scope);
  }
  skipStatement(cursor, true);
}
