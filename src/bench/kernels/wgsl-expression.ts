/** Values of WGSL's expressions, as far as constants, parameters and an invocation's place say them. */
import * as wgsl from 'wgsl_reflect/wgsl_reflect.module.js';

export interface Value {
  /** A scalar's number, or a vector's; `undefined` is one that is not known before the kernel runs. */
  readonly numbers: readonly (number | undefined)[];
  /** Whether a compiler knows it: made of literals, `const` and `override` alone. */
  readonly fixed: boolean;
  /** Of a struct, by name. */
  readonly members?: ReadonlyMap<string, Value>;
}

export const UNKNOWN: Value = { numbers: [undefined], fixed: false };

/** What is known only when the kernel runs. */
export const atRunTime = (numbers: Value['numbers']): Value => ({ numbers, fixed: false });
export const structOf = (members: Iterable<readonly [string, Value]>): Value => ({
  ...UNKNOWN,
  members: new Map(members),
});

export interface Scope {
  get(name: string): Value | undefined;
  /** What a function of the kernel returns, or `undefined` for others. */
  call(name: string, args: readonly Value[]): Value | undefined;
}

type Operation = (...numbers: number[]) => number | undefined;

const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => (b === 0 ? undefined : Number.isInteger(a) && Number.isInteger(b) ? Math.trunc(a / b) : a / b)],
  ['%', (a, b) => (b === 0 ? undefined : a % b)],
  ['<<', (a, b) => a * 2 ** b],
  ['>>', (a, b) => Math.floor(a / 2 ** b)],
  ['&', (a, b) => a & b],
  ['|', (a, b) => a | b],
  ['^', (a, b) => a ^ b],
  ['<', (a, b) => Number(a < b)],
  ['>', (a, b) => Number(a > b)],
  ['<=', (a, b) => Number(a <= b)],
  ['>=', (a, b) => Number(a >= b)],
  ['==', (a, b) => Number(a === b)],
  ['!=', (a, b) => Number(a !== b)],
  ['&&', (a, b) => Number(a !== 0 && b !== 0)],
  ['||', (a, b) => Number(a !== 0 || b !== 0)],
  ['u32', Math.trunc],
  ['i32', Math.trunc],
  ['f32', (x) => x],
  ['bool', (x) => Number(x !== 0)],
  ['min', Math.min],
  ['max', Math.max],
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['clamp', (x, low, high) => Math.min(Math.max(x, low), high)],
  ['select', (no, yes, which) => (which !== 0 ? yes : no)],
  ['subgroupBroadcastFirst', (x) => x],
]);

export function evaluate(node: wgsl.Expression | null, scope: Scope): Value {
  if (!node) return UNKNOWN;
  let value = operand(node, scope);
  for (let part = node.postfix; part; part = part.postfix) {
    if (part instanceof wgsl.ArrayIndex) value = elementOf(value, evaluate(part.index, scope));
    else value = part instanceof wgsl.StringExpr ? memberOf(value, part.value) : UNKNOWN;
  }
  return value;
}

function operand(node: wgsl.Expression, scope: Scope): Value {
  if (node instanceof wgsl.LiteralExpr) return literal(node);
  if (node instanceof wgsl.VariableExpr) return scope.get(node.name) ?? UNKNOWN;
  // The parser takes a variable for the constant of the same name that it hides.
  if (node instanceof wgsl.ConstExpr) return scope.get(node.name) ?? evaluate(node.initializer, scope);
  if (node instanceof wgsl.UnaryOperator) return unary(node.operator, evaluate(node.right, scope));
  if (node instanceof wgsl.BinaryOperator)
    return operate(node.operator, [evaluate(node.left, scope), evaluate(node.right, scope)]);
  if (node instanceof wgsl.BitcastExpr) return operate('bitcast', [evaluate(node.value, scope)]);
  if (!(node instanceof wgsl.CallExpr || node instanceof wgsl.CreateExpr)) return UNKNOWN;
  const args = (node.args ?? []).map((arg) => evaluate(arg, scope));
  if (node instanceof wgsl.CallExpr) return scope.call(node.name, args) ?? operate(node.name, args);
  const name = node.type?.name ?? '';
  return name.startsWith('vec') ? vectorOf(Number(name[3]), args) : operate(name, args);
}

function literal(node: wgsl.LiteralExpr): Value {
  if (node.isScalar) return { numbers: [node.scalarValue], fixed: true };
  return { numbers: node.isVector ? [...node.vectorValue] : [undefined], fixed: true };
}

/** Component by component; a scalar goes with each of them. */
export function operate(name: string, args: readonly Value[]): Value {
  const operation = OPERATIONS.get(name);
  const length = Math.max(1, ...args.map(({ numbers }) => numbers.length));
  const numbers = Array.from({ length }, (_, i) => {
    const known = args.flatMap((arg) => arg.numbers[arg.numbers.length === 1 ? 0 : i] ?? []);
    return known.length === args.length ? operation?.(...known) : undefined;
  });
  return { numbers, fixed: name !== 'subgroupBroadcastFirst' && args.every(({ fixed }) => fixed) };
}

function unary(operator: string, value: Value): Value {
  const zero: Value = { numbers: [0], fixed: true };
  if (operator === '-') return operate('-', [zero, value]);
  return operator === '!' ? operate('==', [zero, value]) : UNKNOWN;
}

function vectorOf(length: number, args: readonly Value[]): Value {
  const given = args.flatMap(({ numbers }) => numbers);
  const numbers = given.length === 1 ? Array.from({ length }, () => given[0]) : given;
  return { numbers, fixed: args.every(({ fixed }) => fixed) };
}

function elementOf({ numbers, fixed }: Value, index: Value): Value {
  const [at = -1] = index.numbers;
  return { numbers: [numbers[at]], fixed: fixed && index.fixed };
}

function memberOf({ numbers, fixed, members }: Value, name: string): Value {
  if (members) return members.get(name) ?? UNKNOWN;
  return { numbers: [...name].map((letter) => numbers['xyzwrgba'.indexOf(letter) % 4]), fixed };
}
