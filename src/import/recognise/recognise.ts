/**
 * Finds the DenseNet in a graph by topology: walks the nodes in order and says of every value what it is, a constant
 * or a state in a DenseNet. Names play no part. A node that does not fit stops only what depends on it, so that dead
 * ends and second outputs do no harm; if the logits are not reached, the first such node is the error.
 */
import { ModelShapeError } from '../../core/errors.js';
import type { Budget } from '../budget.js';
import type { Constant, Ints } from '../graph/constant.js';
import { Evaluator } from '../graph/evaluate.js';
import { axesOf, dimensions, reshapeTarget, slice } from '../graph/lists.js';
import { type NetworkGraph, type Node, unsupportedNode } from '../graph/node.js';
import { asInts, type Operands, tensorOf, wholeNumbers } from '../graph/operands.js';
import type { Order } from './block.js';
import { affine, Body, batchNorm, relu } from './body.js';
import { curveOf, joinCurves, settled } from './curve.js';
import { FOLLOWERS, type GraphState, type HeadVector, unexpected } from './graph-state.js';
import {
  activateVector,
  affineVector,
  convHead,
  featuresAt,
  flatten,
  gatherVector,
  gemm,
  globalPool,
  joinPools,
  matMul,
  normVector,
  softmax,
} from './head.js';
import { affineInput, joinInputs, pickChannels, transposeInput } from './input.js';
import { averagePool, maxPool, pad } from './pools.js';
import { isShape, shapeAt } from './shape.js';

export interface Recognised {
  /** From which all of the network can be reached. Its last layer gives the logits; without layers there is no classifier. */
  readonly vector: HeadVector;
  readonly activation: 'softmax' | 'sigmoid' | null;
  readonly order: Order;
}

/** @throws ModelShapeError naming the first node that does not fit; ModelFormatError for tensors that cannot be read */
export function recognise(graph: NetworkGraph, budget: Budget): Recognised {
  const quantised = graph.nodes.find(({ op }) => QUANTISED.test(op));
  if (quantised)
    throw unsupportedNode(quantised, 'this model is quantised: import the float model that it was made from');
  return new Walk(graph, budget).run();
}

/** A node that does not fit: the error for whatever needs its result. */
interface FailedNode {
  readonly at: 'failed';
  readonly error: ModelShapeError;
  /** GraphState of the node in the graph. */
  readonly index: number;
}

type Value = GraphState | Constant | FailedNode;

const isState = (value: Value | null): value is GraphState => value !== null && 'at' in value && value.at !== 'failed';
const isConstant = (value: Value | null): value is Constant => value !== null && 'kind' in value;
const isFailed = (value: Value | null): value is FailedNode => value !== null && 'at' in value && value.at === 'failed';

class Walk {
  readonly #graph: NetworkGraph;
  readonly #values = new Map<string, Value>();
  readonly #body = new Body();
  readonly #evaluator: Evaluator;

  constructor(graph: NetworkGraph, budget: Budget) {
    this.#graph = graph;
    this.#evaluator = new Evaluator(budget);
    for (const { name, dims } of graph.inputs) this.#values.set(name, { at: 'input', dims, from: null, affine: null });
  }

  run(): Recognised {
    for (const [index, node] of this.#graph.nodes.entries()) {
      const [output, ...others] = node.outputs;
      if (output) this.#values.set(output, this.#attempt(node, index));
      for (const name of others)
        this.#values.set(name, failedNode(unsupportedNode(node, 'its second output is used'), index));
    }
    return this.#result();
  }

  #attempt(node: Node, index: number): Value {
    try {
      const inputs = node.inputs.map((name) => (name === '' ? null : this.#value(node, name)));
      const failed = inputs.filter(isFailed).sort((a, b) => a.index - b.index)[0];
      return failed ?? this.#apply(node, inputs);
    } catch (error) {
      if (error instanceof ModelShapeError) return failedNode(error, index);
      throw error;
    }
  }

  #value(node: Node, name: string): Value {
    const known = this.#values.get(name);
    if (known) return known;
    const constant = this.#graph.constant(name);
    if (!constant) throw unsupportedNode(node, `nothing before it makes its input "${name}"`);
    this.#values.set(name, constant);
    return constant;
  }

  #apply(node: Node, inputs: readonly (Value | null)[]): Value {
    if (node.op.includes('.')) throw unsupportedNode(node, FOREIGN);
    const states = inputs.filter(isState);
    const constants = inputs.map((input) => (isConstant(input) ? input : null));
    const [state, another] = states;
    if (!state || (node.op === 'CastLike' && isConstant(inputs[0] ?? null)))
      return this.#evaluator.evaluate(node, constants);
    if (node.op === 'Concat') return this.#concat(node, inputs, states);
    const joined = another ? joinCurves(node, states) : null;
    if (joined) return joined;
    if (another) throw unsupportedNode(node, 'it takes two feature maps; a DenseNet joins them by Concat alone');
    // Mul and Add take the map on either side; the operands keep their order without it.
    const operands = constants.filter((_, i) => !isState(inputs[i] ?? null));
    const isSwapped = !isState(inputs[0] ?? null);
    if (isSwapped && node.op === 'Sub' && state.at === 'input') return affineInput(node, state, operands, true);
    if (isSwapped && node.op !== 'Mul' && node.op !== 'Add')
      throw unexpected(node, state, `, found ${node.op} of constants`);
    return curveOf(node, state, operands) ?? this.#follow(node, state, operands);
  }

  #concat(node: Node, inputs: readonly (Value | null)[], states: readonly GraphState[]): GraphState {
    if (states.length < inputs.length) throw unsupportedNode(node, 'it joins features and constants');
    const images = states.filter((state) => state.at === 'input');
    if (images.length === states.length) return joinInputs(node, images);
    const vectors = states.filter((state) => state.at === 'vector');
    if (vectors.length === states.length && vectors.length > 1) return joinPools(node, vectors);
    return this.#body.concat(node, states);
  }

  /** `Mul`, `Add`, `Sub` and `Div` of a constant: a norm, a bias, or what prepares the image. */
  #affine(node: Node, state: GraphState, operands: Operands): Value {
    if (state.at === 'input') return affineInput(node, state, operands, false);
    return state.at === 'vector' ? affineVector(node, state, operands) : affine(node, state, operands);
  }

  #activate(node: Node, state: GraphState): Value {
    if (state.at === 'vector') return activateVector(node, state);
    if (node.op === 'Relu') return relu(node, state);
    throw unexpected(node, state, `, found ${node.op}; a DenseNet's body has ReLUs`);
  }

  /** A node that works on one map. */
  #follow(node: Node, given: GraphState, operands: Operands): Value {
    const [first] = operands;
    // What only passes values on may stand within an activation that is written out.
    const state = PASSING.has(node.op) ? given : settled(node, given);
    switch (node.op) {
      case 'Identity':
      case 'CastLike':
        return state;
      case 'Dropout':
        return dropout(node, state, operands);
      case 'Cast':
        return castMap(node, state);
      case 'Shape':
        return dimensions(node, shapeAt(node, state));
      case 'Transpose':
        return transposeInput(node, state);
      case 'Pad':
        return padded(node, state, operands);
      case 'Conv':
        return state.at === 'vector' ? convHead(node, state, operands) : this.#body.conv(node, state, operands);
      case 'BatchNormalization':
        return state.at === 'vector' ? normVector(node, state, operands) : batchNorm(node, state, operands);
      case 'Mul':
      case 'Add':
      case 'Sub':
      case 'Div':
        return this.#affine(node, state, operands);
      case 'Relu':
      case 'Sigmoid':
      case 'Tanh':
      case 'Gelu':
      case 'Elu':
      case 'LeakyRelu':
        return this.#activate(node, state);
      case 'Gather':
      case 'Slice':
        return pick(node, state, operands);
      case 'MaxPool':
        return maxPool(node, state);
      case 'AveragePool':
        return averagePool(node, state);
      case 'GlobalAveragePool':
      case 'GlobalMaxPool':
        return globalPool(node, state, null);
      case 'ReduceMean':
      case 'ReduceMax':
        return globalPool(node, state, axesOf(node, first));
      case 'Flatten':
        return behindHead(state) ?? flatten(node, state, null, null);
      case 'Squeeze':
        return behindHead(state) ?? flatten(node, state, null, axesOf(node, first));
      case 'Reshape':
        return behindHead(state) ?? reshapeMap(node, state, reshapeTarget(node, first));
      case 'Gemm':
        return gemm(node, state, operands);
      case 'MatMul':
        return matMul(node, state, operands);
      case 'Softmax':
      case 'LogSoftmax':
        return softmax(node, state);
      default:
        throw unexpected(node, state, `; ${node.op} is no operator of a DenseNet`);
    }
  }

  /** Whether a node only changes the classifier's scores: no dense layer stands behind it. */
  #isBehindHead(index: number): boolean {
    if (this.#graph.nodes.slice(index + 1).some(({ op }) => op === 'Gemm' || op === 'MatMul')) return false;
    for (const value of this.#values.values()) {
      if (!isState(value)) continue;
      if (value.at === 'scores' || (value.at === 'vector' && value.layers.length > 0)) return true;
    }
    return false;
  }

  #withoutConcat(error: ModelShapeError): ModelShapeError {
    if (this.#graph.nodes.some(({ op }) => op === 'Concat')) return error;
    const message = `${error.message}. Nothing in it is concatenated: it is no DenseNet, and other networks cannot be run`;
    return new ModelShapeError(message, error.problems);
  }

  /** The end of the graph settles what an activation or a scale came to. */
  #output(name: string): Value | null {
    const value = this.#values.get(name) ?? null;
    const index = this.#graph.nodes.findIndex(({ outputs }) => outputs[0] === name);
    const node = this.#graph.nodes[index];
    if (!isState(value) || !node) return value;
    try {
      return settled(node, value);
    } catch (error) {
      if (error instanceof ModelShapeError) return failedNode(error, index);
      throw error;
    }
  }

  #result(): Recognised {
    const outputs = this.#graph.outputs.map((name) => this.#output(name));
    for (const value of outputs) {
      if (!isState(value)) continue;
      const vector = value.at === 'scores' ? value.vector : value;
      if (vector.at !== 'vector' || vector.pending || vector.layers.length === 0) continue;
      const last = vector.layers.at(-1);
      const isSigmoid = value.at !== 'scores' && last?.activation === 'sigmoid';
      if (!last || (last.activation !== 'none' && !isSigmoid)) continue;
      const logits = { ...vector, layers: [...vector.layers.slice(0, -1), { ...last, activation: 'none' } as const] };
      return {
        vector: logits,
        activation: value.at === 'scores' ? 'softmax' : isSigmoid ? 'sigmoid' : null,
        order: this.#body.order,
      };
    }
    const failed = outputs.filter(isFailed).sort((a, b) => a.index - b.index)[0];
    if (failed)
      throw this.#isBehindHead(failed.index) ? behindHeadError(failed.error) : this.#withoutConcat(failed.error);
    const end = outputs.find(isState);
    const features = end ? featuresAt(end) : null;
    if (features) return { vector: features, activation: null, order: this.#body.order };
    throw new ModelShapeError(`not a DenseNet that can be run here: the graph has no logits, ${endOf(end)}`, {
      missing: ['classifier.weight'],
      extra: [],
      misshaped: [],
    });
  }
}

const PASSING: ReadonlySet<string> = new Set(['Identity', 'Cast', 'CastLike', 'Dropout']);

/** Operators of integer arithmetic, ONNX's own and ONNX Runtime's. */
const QUANTISED = /(^|\.)((Dynamic)?(Quantize|Dequantize)Linear|QLinear\w+|QGemm|(Conv|MatMul)Integer)/;

function behindHeadError({ message, problems }: ModelShapeError): ModelShapeError {
  const repair = 'export the network without it (torchxrayvision: net.op_threshs = None before the export)';
  return new ModelShapeError(`${message}. It changes the classifier's scores: ${repair}`, problems);
}

/** Why what the graph ends with are no logits. */
function endOf(state: GraphState | undefined): string {
  if (!state) return 'none of its outputs is computed';
  const last = state.at === 'vector' ? state.layers.at(-1) : undefined;
  if (last) return `its last layer ends with ${last.activation}; expected logits, Softmax or Sigmoid`;
  return `it ends where there should be ${FOLLOWERS[state.at]}`;
}

const FOREIGN =
  "its operator is not one of ONNX's own. Export without a runtime's optimisations; onnx.inliner.inline_local_functions " +
  "puts a file's own functions in line";

const failedNode = (error: ModelShapeError, index: number): FailedNode => ({ at: 'failed', error, index });

/** Reshaping scores changes nothing. */
const behindHead = (state: GraphState): GraphState | null => (state.at === 'scores' ? state : null);

/** To the shape that it has, as converters do with maps of 1×1, or behind the pool. */
function reshapeMap(node: Node, state: GraphState, target: readonly (number | null)[]): GraphState {
  return isShape(target, shapeAt(node, state)) ? state : flatten(node, state, target, null);
}

/** Does nothing outside of training, which an input asks for since opset 12. */
function dropout(node: Node, state: GraphState, [, training]: Operands): GraphState {
  if (training && wholeNumbers(node, training).some((flag) => flag !== 0))
    throw unsupportedNode(node, 'it is in training mode; set the network to evaluation mode before the export');
  return state;
}

const FLOAT_TYPES = [1, 10, 11, 16];

/** Between floating-point types; the runtime has a precision of its own. */
function castMap(node: Node, state: GraphState): GraphState {
  const to = node.int('to', 1);
  // A name before opset 6.
  if (FLOAT_TYPES.includes(to) || /^(FLOAT|DOUBLE)/.test(node.text('to', ''))) return state;
  throw unsupportedNode(node, `expected a floating-point type (${FLOAT_TYPES.join(', ')}), found ${to}`);
}

/** Channels of the image. */
function pick(node: Node, state: GraphState, operands: Operands): GraphState {
  if (state.at === 'vector' && node.op === 'Gather') {
    const indices = asInts(node, operands[0]);
    return gatherVector(node, state, wholeNumbers(node, indices), indices.shape.length);
  }
  if (state.at !== 'input') throw unexpected(node, state, `, found ${node.op}`);
  const length = state.dims[1] ?? 0;
  const all: Ints = { kind: 'ints', shape: [1, length], values: Array.from({ length }, (_, c) => c) };
  if (node.op === 'Gather') {
    if (node.int('axis', 0) !== 1) throw unexpected(node, state, ', found Gather along another axis');
    return pickChannels(node, state, wholeNumbers(node, operands[0]));
  }
  const along = axesOf(node, operands[2]) ?? [];
  if (along.join() !== '1') throw unexpected(node, state, `, found Slice along axes ${along}`);
  return pickChannels(node, state, wholeNumbers(node, slice(node, [all, ...operands])));
}

/** Pads and value are inputs or, before opset 11, attributes. */
function padded(node: Node, state: GraphState, [pads, value]: Operands): GraphState {
  const amounts = node.ints('pads') ?? wholeNumbers(node, pads);
  const given = value ? tensorOf(node, value) : null;
  const isZero = given ? given.bytes.every((byte) => byte === 0) : node.float('value', 0) === 0;
  return pad(node, state, amounts, isZero);
}
