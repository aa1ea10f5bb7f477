/** What of a loop decides how often it turns: the ways out, and what the values that they compare with are made of. */
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';

export type LoopStatement = wgsl.For | wgsl.While | wgsl.Loop;

/** One of a turn's steps, in order. The whole body is one: all that decides nothing. */
export type Step =
  | { readonly kind: 'body' }
  | { readonly kind: 'exit'; readonly node: wgsl.Expression; readonly leavesIf: boolean }
  | { readonly kind: 'assign'; readonly node: wgsl.Statement; readonly name: string };

export interface LoopSteps {
  readonly steps: readonly Step[];
  /** Names that the body assigns to otherwise: unknown behind it. */
  readonly forgotten: readonly string[];
  /** All names that the loop assigns to. */
  readonly assigned: readonly string[];
}

const BODY: Step = { kind: 'body' };
const known = new WeakMap<LoopStatement, LoopSteps>();

export function stepsOf(loop: LoopStatement): LoopSteps {
  const steps = known.get(loop) ?? newStepsOf(loop);
  known.set(loop, steps);
  return steps;
}

/** A `break` counts at the top level of a body, and not in `for`, which turns as often as its condition says. */
function newStepsOf(loop: LoopStatement): LoopSteps {
  const isFor = loop instanceof wgsl.For;
  const condition = isFor || loop instanceof wgsl.While ? loop.condition : null;
  const head: Step[] = condition ? [{ kind: 'exit', node: condition, leavesIf: false }] : [];
  const body = loop.body.flatMap((statement) => (statement instanceof wgsl.Continuing ? statement.body : [statement]));
  const inner = body.flatMap(stepOf).filter(({ kind }) => kind === 'assign' || !isFor);
  const tail = isFor && loop.increment ? stepOf(loop.increment) : [];
  const relevant = relevantOf([...head, ...inner, ...tail]);
  // A way out at the start leaves before anything is done.
  const start = [...relevant, BODY].findIndex(({ kind }) => kind !== 'exit');
  const followed = new Set(relevant.flatMap((step) => (step.kind === 'assign' ? [step.node] : [])));
  return {
    steps: relevant.toSpliced(start, 0, BODY),
    forgotten: assignedIn(body.filter((statement) => !followed.has(statement))),
    assigned: assignedIn(loop),
  };
}

function stepOf(statement: wgsl.Statement): Step[] {
  const isBreak = statement instanceof wgsl.If && statement.body[0] instanceof wgsl.Break;
  if ((isBreak || statement instanceof wgsl.Break) && statement.condition)
    return [{ kind: 'exit', node: statement.condition, leavesIf: true }];
  if (statement instanceof wgsl.Var || statement instanceof wgsl.Let || statement instanceof wgsl.Const)
    return [{ kind: 'assign', node: statement, name: statement.name }];
  return assignedIn(isAssignment(statement) ? statement : []).map((name) => ({
    kind: 'assign',
    node: statement,
    name,
  }));
}

/** Without the assignments that no way out depends on. */
function relevantOf(steps: readonly Step[]): Step[] {
  const names = new Set<string>();
  const isRelevant = (step: Step) => step.kind !== 'assign' || names.has(step.name);
  for (let before = -1; before !== names.size; ) {
    before = names.size;
    for (const step of steps.filter(isRelevant))
      for (const name of namesIn(step.kind === 'body' ? [] : step.node)) names.add(name);
  }
  return steps.filter(isRelevant);
}

const isAssignment = (node: unknown) => node instanceof wgsl.Assign || node instanceof wgsl.Increment;
const isName = (node: wgsl.Node) => node instanceof wgsl.VariableExpr || node instanceof wgsl.ConstExpr;
const namesIn = (part: unknown): string[] => nodesIn(part).flatMap((node) => (isName(node) ? [node.name] : []));

/** Names of variables that a part of the text assigns to, in whole or in part. */
const assignedIn = (part: unknown): string[] =>
  nodesIn(part).flatMap((node) => (isAssignment(node) && isName(node.variable) ? [node.variable.name] : []));

/** All nodes of a part of the text; the parser's own search leaves out assignments. */
function nodesIn(part: unknown): wgsl.Node[] {
  if (Array.isArray(part)) return part.flatMap(nodesIn);
  return part instanceof wgsl.Node ? [part, ...Object.values(part).flatMap(nodesIn)] : [];
}
