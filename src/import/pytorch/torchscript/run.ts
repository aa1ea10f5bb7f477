/**
 * Follows the code of a TorchScript module's `forward` from the image to the scores and writes down the operators that it
 * calls. An interpreter of data only: the functions it knows are those of operators.ts, and whatever else it meets, it
 * gives up on.
 */
import type { TensorMap } from '../../../tensor/tensor.js';
import type { Budget } from '../../budget.js';
import type { NetworkGraph } from '../../graph/node.js';
import { Instance, type PickleValue, TensorRef } from '../values.js';
import { GraphWriter, NotRead, OtherValue, operator, SizeValue, TensorValue, type Value } from './operators.js';
import { type Block, type Definition, type Definitions, type Expression, parseSource } from './parse.js';

const MOST_CALLS_DEEP = 64;
const STEPS_PER_LETTER = 4;
const IMAGE = 'image';

class ModuleValue extends OtherValue {
  protected readonly kind = 'module';
  constructor(
    readonly path: string,
    readonly instance: Instance,
  ) {
    super();
  }
}

class FunctionValue extends OtherValue {
  protected readonly kind = 'function';
  constructor(readonly name: string) {
    super();
  }
}

/** Neither known nor needed: a comparison with a size. */
class UnknownValue extends OtherValue {
  protected readonly kind = 'unknown';
}

/**
 * @param code source by file: `__torch__/torchvision/models/densenet.py`
 * @param tensors by the names of their attributes
 * @throws NotRead or SyntaxError, saying what is not known
 */
export function graphOfScript(
  root: PickleValue,
  code: ReadonlyMap<string, string>,
  tensors: TensorMap,
  budget: Budget,
): NetworkGraph {
  if (!(root instanceof Instance)) throw new NotRead('it is no module');
  const interpreter = new Interpreter(code, budget);
  const result = interpreter.run(new ModuleValue('', root));
  return {
    inputs: [{ name: IMAGE, dims: [null, null, null, null] }],
    outputs: [result.name],
    nodes: interpreter.writer.nodes,
    constant: (name) => {
      const tensor = tensors.get(name) ?? interpreter.writer.constants.get(name);
      return tensor ? { kind: 'floats', tensor } : null;
    },
  };
}

/** Variables of one call; `self` is its module. */
interface Scope {
  readonly self: ModuleValue | null;
  readonly variables: Map<string, Value>;
}

class Interpreter {
  readonly writer = new GraphWriter();
  readonly #files = new Map<string, Definitions>();
  #depth = 0;

  constructor(
    private readonly code: ReadonlyMap<string, string>,
    private readonly budget: Budget,
  ) {}

  run(root: ModuleValue): TensorValue {
    const result = this.#method(root, 'forward', [new TensorValue(IMAGE)]);
    const first = isList(result) ? result.find((value) => value instanceof TensorValue) : result;
    if (first instanceof TensorValue) return first;
    throw new NotRead('forward gives no tensor');
  }

  #method(module: ModuleValue, name: string, args: readonly Value[]): Value {
    const { module: file, name: type } = module.instance.type;
    return this.#call(this.#definition(file, `${type}.${name}`), module, args);
  }

  #definition(module: string, name: string): Definition {
    const path = `${module.replaceAll('.', '/')}.py`;
    const known = this.#files.get(path) ?? this.#parse(this.code.get(path) ?? '');
    this.#files.set(path, known);
    const definition = known.get(name);
    if (!definition) throw new NotRead(`the code of ${name} is not in the file`);
    return definition;
  }

  #parse(source: string): Definitions {
    this.budget.steps(STEPS_PER_LETTER * source.length);
    return parseSource(source);
  }

  #call({ parameters, body }: Definition, self: ModuleValue | null, args: readonly Value[]): Value {
    if (++this.#depth > MOST_CALLS_DEEP) throw new NotRead('its calls are nested without end');
    const variables = new Map(parameters.map((name, i) => [name, args[i] ?? null]));
    const result = this.#block(body, { self, variables });
    this.#depth--;
    return result ?? null;
  }

  /** `undefined` when it does not return. */
  #block(block: Block, scope: Scope): Value | undefined {
    for (const statement of block) {
      this.budget.entries(1);
      switch (statement.kind) {
        case 'assign':
          this.#assign(statement.names, this.#value(statement.value, scope), scope);
          break;
        case 'expression':
          this.#value(statement.value, scope);
          break;
        case 'return':
          return this.#value(statement.value, scope);
        case 'if': {
          const result = this.#block(this.#branch(statement.test, statement.body, statement.otherwise, scope), scope);
          if (result !== undefined) return result;
          break;
        }
        default:
          throw new NotRead(`"${statement.text.slice(0, 60)}" is not known`);
      }
    }
    return undefined;
  }

  #assign(targets: readonly string[], value: Value, { variables }: Scope): void {
    const [only = ''] = targets;
    if (targets.length === 1) variables.set(only, value);
    else for (const [i, name] of targets.entries()) variables.set(name, isList(value) ? (value[i] ?? null) : null);
  }

  /** Of a test that only running would decide: the branch that does not raise. */
  #branch(test: Expression, body: Block, otherwise: Block, scope: Scope): Block {
    const value = this.#value(test, scope);
    if (typeof value === 'boolean') return value ? body : otherwise;
    if (raises(body) && !raises(otherwise)) return otherwise;
    if (raises(otherwise) && !raises(body)) return body;
    throw new NotRead('a branch depends on what only running the network would tell');
  }

  #value(expression: Expression, scope: Scope): Value {
    switch (expression.kind) {
      case 'literal':
        return expression.value;
      case 'list':
        return expression.items.map((item) => this.#value(item, scope));
      case 'name':
        return this.#named(expression.name, scope);
      case 'attribute':
        return this.#attribute(expression, scope);
      case 'index': {
        const [of, at] = [this.#value(expression.of, scope), this.#value(expression.at, scope)];
        if (isList(of) && typeof at === 'number') return of[at < 0 ? at + of.length : at] ?? null;
        return new UnknownValue(); // a type: List[Tensor]
      }
      case 'call':
        return this.#callExpression(expression, scope);
    }
  }

  #named(name: string, { self, variables }: Scope): Value {
    if (name === 'self' && self) return self;
    return variables.get(name) ?? (variables.has(name) ? null : new FunctionValue(name));
  }

  #attribute(expression: Extract<Expression, { kind: 'attribute' }>, scope: Scope): Value {
    const of = this.#value(expression.of, scope);
    if (of instanceof FunctionValue) return new FunctionValue(`${of.name}.${expression.name}`);
    return attributeOf(of, expression.name);
  }

  #callExpression({ of, args, keywords }: Extract<Expression, { kind: 'call' }>, scope: Scope): Value {
    const given = args.map((arg) => this.#value(arg, scope));
    if (of.kind === 'attribute') {
      const owner = this.#value(of.of, scope);
      if (owner instanceof ModuleValue) return this.#method(owner, of.name, given);
    }
    const called = this.#value(of, scope);
    if (!(called instanceof FunctionValue)) throw new NotRead('it calls what is no function');
    return this.#function(
      called.name,
      given,
      new Map([...keywords].map(([key, value]) => [key, this.#value(value, scope)])),
      scope,
    );
  }

  #function(name: string, args: readonly Value[], keywords: ReadonlyMap<string, Value>, scope: Scope): Value {
    const bare = name.slice(name.lastIndexOf('.') + 1);
    const [first = null, second] = args;
    if (name === 'getattr' && typeof second === 'string') return attributeOf(first, second);
    const plain = plainFunction(bare, args);
    if (plain !== undefined) return plain;
    const where = scope.self && scope.self.path !== '' ? `module ${scope.self.path}` : 'the module';
    const result = operator(bare, {
      args,
      keywords,
      isFunctional: name.startsWith('__torch__.'),
      emit: (op, inputs, attributes = {}) => this.writer.emit(op, inputs, attributes, `${where} (${bare})`),
      number: (value) => this.writer.number(value),
    });
    if (result !== undefined) return result;
    if (name.startsWith('__torch__.')) {
      const at = name.lastIndexOf('.');
      return this.#call(this.#definition(name.slice(0, at), bare), null, args);
    }
    // It may be a network's own: refused where its result is needed.
    const inputs = args.filter((value) => value instanceof TensorValue);
    if (name.startsWith('torch.') && inputs.length > 0) return this.writer.emit(bare, inputs, {}, `${where} (${bare})`);
    throw new NotRead(`${name} is not known`);
  }
}

/** Python's own, on numbers, lists and types. */
function plainFunction(name: string, args: readonly Value[]): Value | undefined {
  const [a, b] = args;
  const compare = (test: (x: number, y: number) => boolean): Value =>
    typeof a === 'number' && typeof b === 'number' ? test(a, b) : new UnknownValue();
  switch (name) {
    case 'annotate':
    case 'unchecked_cast':
      return b ?? null;
    case 'uninitialized':
      return null;
    case 'int':
    case 'float':
    case 'bool':
    case 'NumToTensor':
    case 'ScalarImplicit':
      return a ?? null;
    case 'size':
      return typeof b === 'number' ? new SizeValue(b) : new UnknownValue();
    case 'dim':
      return new UnknownValue();
    case 'len':
      return isList(a) ? a.length : new UnknownValue();
    case 'append':
      // A list of the interpreter's own, which nothing else holds.
      if (isList(a)) a.push(b ?? null);
      return null;
    case 'gt':
      return compare((x, y) => x > y);
    case 'lt':
      return compare((x, y) => x < y);
    case 'ge':
      return compare((x, y) => x >= y);
    case 'le':
      return compare((x, y) => x <= y);
    case 'eq':
      return typeof a === 'string' ? a === b : compare((x, y) => x === y);
    case 'ne':
      return typeof a === 'string' ? a !== b : compare((x, y) => x !== y);
    case '__not__':
      return typeof a === 'boolean' ? !a : new UnknownValue();
    case '__is__':
      return a === b;
    case '__isnot__':
      return a !== b;
    case 'format':
    case 'warn':
      return '';
    case 'RaiseException':
      throw new NotRead('forward raises an exception');
    default:
      return undefined;
  }
}

const isList = (value: Value | undefined): value is Value[] => Array.isArray(value);

const raises = (block: Block): boolean =>
  block.some(({ kind, ...statement }) => kind === 'expression' && 'value' in statement && callsRaise(statement.value));

const callsRaise = (value: Expression): boolean =>
  value.kind === 'call' && value.of.kind === 'attribute' && value.of.name === 'RaiseException';

/** @throws NotRead for what is no module */
function attributeOf(of: Value, name: string): Value {
  if (!(of instanceof ModuleValue)) throw new NotRead(`.${name} of what is no module`);
  const path = of.path === '' ? name : `${of.path}.${name}`;
  const state = of.instance.state;
  return fromPickle(state instanceof Map ? (state.get(name) ?? null) : null, path);
}

function fromPickle(value: PickleValue, path: string): Value {
  if (value instanceof TensorRef) return new TensorValue(path);
  if (value instanceof Instance) return new ModuleValue(path, value);
  if (Array.isArray(value)) return value.map((entry) => fromPickle(entry, path));
  if (value === null || typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string')
    return value;
  return new UnknownValue();
}
