/**
 * The loops of a WGSL kernel and how often each turns, from its text, its constants and what it is given.
 *
 * Every branch counts as taken, every function as put in where it is called. A wave turns as often as its first lane,
 * which has the most to do where lanes share work out. Behind a `return` that it takes no loop turns.
 */
import { isDeepStrictEqual } from 'node:util';
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';
import { evaluate, operate, type Scope, UNKNOWN, type Value } from './wgsl-expression.js';
import type { Given, WgslModule } from './wgsl-module.js';
import { builtinValue, type Place, places, type Triple } from './wgsl-place.js';
import { type LoopStatement, stepsOf } from './wgsl-steps.js';

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

/** The loops of one wave. @throws SyntaxError when the kernel has no such entry point */
export function loopsAt(module: WgslModule, given: Given, place: Place): Loop[] {
  const { func, size } = module.entry;
  const names = func.args.map((parameter) => [parameter.name, builtinValue(parameter, size, place)] as const);
  return [...zeroing(module), ...new Run(module, given).bodyOf(func, new Map(names), []).loops];
}

/** The mean over the waves of a dispatch. */
export function loopsOf(module: WgslModule, given: Given, workgroups: Triple, lanes: number): readonly Loop[] {
  const all = places(workgroups, module.entry.size, lanes);
  const [first, ...others] = all;
  if (!first) return [];
  const start = loopsAt(module, given, first);
  const samples = [others.at(-1), others[others.length >> 1]].flatMap((place) => place ?? []);
  if (samples.every((place) => isDeepStrictEqual(loopsAt(module, given, place), start))) return start;
  return averaged(all.map((place) => loopsAt(module, given, place)));
}

/** Workgroup memory starts as zeros: in front of the text Dawn puts a loop over what is larger than the workgroup. */
function zeroing({ shared, entry }: WgslModule): Loop[] {
  const invocations = entry.size.reduce((product, length) => product * length, 1);
  const sizes = [...new Set(shared)].filter((size) => size > invocations).sort((a, b) => a - b);
  return sizes.map((size) => ({ turns: Math.ceil(size / invocations), fixed: true, loops: [] }));
}

/** What a statement is run with. */
interface Frame {
  /** Names of the function. */
  readonly names: Map<string, Value>;
  /** The loops that are reached. */
  readonly loops: Loop[];
  /** Functions that are being read, outermost first. */
  readonly callers: readonly string[];
  /** Whether the statement is run exactly once, so that what it assigns is known behind it. */
  readonly isSure: boolean;
  /** What the function returns, once it has. */
  readonly result: { value: Value | null };
}

/** The kernel as one wave runs it. */
class Run {
  private readonly globals;
  /** Whether the kernel has returned. */
  private isOver = false;

  constructor(
    private readonly module: WgslModule,
    given: Given,
  ) {
    this.globals = module.uniforms(given);
  }

  bodyOf({ body }: wgsl.Function, names: Map<string, Value>, callers: readonly string[]) {
    const frame: Frame = { names, loops: [], callers, isSure: true, result: { value: null } };
    this.block(body, frame);
    return { loops: frame.loops, result: frame.result.value ?? UNKNOWN };
  }

  private block(statements: readonly wgsl.Statement[], frame: Frame): void {
    for (const statement of statements) this.statement(statement, frame);
  }

  private statement(node: wgsl.Statement, frame: Frame): void {
    if (Array.isArray(node)) this.block(node, frame);
    else if (node instanceof wgsl.Continuing) this.block(node.body, frame);
    else if (node instanceof wgsl.For || node instanceof wgsl.While || node instanceof wgsl.Loop)
      this.loop(node, frame);
    else if (node instanceof wgsl.If) this.branches(node, frame);
    else if (node instanceof wgsl.Switch) {
      this.value(node.condition, frame);
      for (const { body } of node.cases) this.block(body, { ...frame, isSure: false });
    } else if (node instanceof wgsl.Var || node instanceof wgsl.Let || node instanceof wgsl.Const)
      frame.names.set(node.name, this.value(node.value, frame));
    else if (node instanceof wgsl.Assign || node instanceof wgsl.Increment) this.assign(node, frame);
    else if (node instanceof wgsl.Call) {
      const args = node.args.map((arg) => this.value(arg, frame));
      this.call(node.name, args, frame);
    } else if (node instanceof wgsl.Return) {
      const value = this.value(node.value, frame);
      frame.result.value ??= frame.isSure ? value : UNKNOWN;
    }
  }

  private branches(node: wgsl.If, frame: Frame): void {
    let isReached = frame.isSure && frame.callers.length === 0;
    const branch = (condition: wgsl.Expression | null, body: readonly wgsl.Statement[]) => {
      const [number] = condition ? this.value(condition, frame).numbers : [1];
      if (isReached && number && body[0] instanceof wgsl.Return) this.isOver = true;
      if (number !== 0) isReached = false;
      this.block(body, { ...frame, isSure: false });
    };
    for (const { condition, body } of [node, ...(node.elseif ?? [])]) branch(condition, body);
    branch(null, node.else ?? []);
  }

  private assign(node: wgsl.Assign | wgsl.Increment, frame: Frame): void {
    const { variable, operator } = node;
    const before = this.value(variable, frame);
    const value = node instanceof wgsl.Assign ? this.value(node.value, frame) : { numbers: [1], fixed: true };
    if (!(variable instanceof wgsl.VariableExpr || variable instanceof wgsl.ConstExpr)) return;
    const isKnown = frame.isSure && !variable.postfix;
    // `+=` and `++` add, `=` has no operation.
    const operation = node instanceof wgsl.Assign ? operator.slice(0, -1) : operator.slice(0, 1);
    const result = operation === '' ? value : operate(operation, [before, value]);
    const names = frame.names.has(variable.name) ? frame.names : this.globals;
    names.set(variable.name, isKnown ? result : UNKNOWN);
  }

  private value(node: wgsl.Expression | null, frame: Frame): Value {
    const scope: Scope = {
      get: (name) => frame.names.get(name) ?? this.globals.get(name),
      call: (name, args) => this.call(name, args, frame),
    };
    return evaluate(node, scope);
  }

  /** Puts a function of the kernel in where it is called. */
  private call(name: string, args: readonly Value[], { loops, callers }: Frame): Value | undefined {
    const func = this.module.functions.get(name);
    if (!func || callers.includes(name)) return undefined;
    const names = new Map(func.args.map((parameter, i) => [parameter.name, args[i] ?? UNKNOWN]));
    const called = this.bodyOf(func, names, [...callers, name]);
    loops.push(...called.loops);
    return called.result;
  }

  private loop(node: LoopStatement, frame: Frame): void {
    const names = new Map(frame.names);
    if (node instanceof wgsl.For && node.init) this.statement(node.init, { ...frame, names, isSure: true });
    const before = new Map(names);
    // Functions in conditions and steps have a value, and their loops are not noted.
    const steps = { ...frame, names, isSure: true, loops: [] };
    const fixed = node instanceof wgsl.For && this.value(node.condition, steps).fixed;
    const bodies: Loop[][] = [];
    const turns = this.isOver ? 0 : this.follow(node, steps, bodies);
    if (bodies.length === 0) bodies.push(this.turn(node, { ...frame, names: before }));
    forget(stepsOf(node).assigned, frame.names);
    frame.loops.push({ turns, fixed, loops: averaged(bodies) });
  }

  /**
   * Follows a loop turn by turn.
   *
   * @param bodies gets the loops of its body, turn by turn while they may differ
   * @returns `undefined` where a condition is not known, or the loop has no way out
   */
  private follow(node: LoopStatement, frame: Frame, bodies: Loop[][]): number | undefined {
    const { steps, forgotten } = stepsOf(node);
    if (!steps.some(({ kind }) => kind === 'exit')) return undefined;
    for (let turns = 0; turns <= MAX_TURNS; ) {
      for (const step of steps) {
        if (step.kind === 'assign') this.statement(step.node, frame);
        else if (step.kind === 'exit') {
          const [number] = this.value(step.node, frame).numbers;
          if (number === undefined) return undefined;
          if ((number !== 0) === step.leavesIf) return turns;
        } else {
          if (mayDiffer(bodies)) bodies.push(this.turn(node, frame));
          forget(forgotten, frame.names);
          turns++;
        }
      }
    }
    return undefined;
  }

  private turn({ body }: LoopStatement, frame: Frame): Loop[] {
    const loops: Loop[] = [];
    this.block(body, { ...frame, names: new Map(frame.names), loops, isSure: false });
    return loops;
  }
}

function forget(assigned: readonly string[], names: Map<string, Value>): void {
  for (const name of assigned) if (names.has(name)) names.set(name, UNKNOWN);
}

/** Whether the next turn's loops may be others than the first's. */
const mayDiffer = ([first, ...others]: readonly Loop[][]): boolean =>
  !first || (first.some(mayVary) && others.length + 1 < MAX_FOLLOWED);
const mayVary = ({ fixed, loops }: Loop): boolean => !fixed || loops.some(mayVary);

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
