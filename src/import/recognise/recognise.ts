/**
 * Finds the DenseNet in a graph by topology: walks the nodes in order and says of every value what it is, a constant
 * or a place in a DenseNet. Names play no part. A node that does not fit stops only what depends on it, so that dead
 * ends and second outputs do no harm; if the logits are not reached, the first such node is the error.
 */
import { ModelShapeError } from '../../core/errors.js';
import { type Constant, readConstant } from '../graph/constant.js';
import { Evaluator } from '../graph/evaluate.js';
import { axesOf, dimensions, reshapeTarget } from '../graph/lists.js';
import { misfit, Node } from '../graph/node.js';
import { type Operands, tensorOf, wholeNumbers } from '../graph/operands.js';
import type { GraphProto, ModelProto, TensorProto } from '../onnx/messages.js';
import type { Order } from './block.js';
import { affine, Body, batchNorm, relu } from './body.js';
import { FOLLOWERS, type Logits, type Place, unexpected } from './graph-state.js';
import { activation, addBias, convHead, flatten, gemm, globalAverage, matMul } from './head.js';
import { averagePool, maxPool, pad } from './pools.js';
import { isShape, shapeAt } from './shape.js';

export interface Recognised {
  /** From which all of the network can be reached. */
  readonly logits: Logits;
  readonly activation: 'softmax' | 'sigmoid' | null;
  readonly order: Order;
}

/** @throws ModelShapeError naming the first node that does not fit; ModelFormatError for tensors that cannot be read */
export function recognise({ graph, opset }: ModelProto): Recognised {
  return new Walk(graph).run(opset);
}

/** A node that does not fit: the error for whatever needs its result. */
interface Unfit {
  readonly at: 'unfit';
  readonly error: ModelShapeError;
  /** Place of the node in the graph. */
  readonly index: number;
}

type Value = Place | Constant | Unfit;

const isPlace = (value: Value | null): value is Place => value !== null && 'at' in value && value.at !== 'unfit';
const isConstant = (value: Value | null): value is Constant => value !== null && 'kind' in value;
const isUnfit = (value: Value | null): value is Unfit => value !== null && 'at' in value && value.at === 'unfit';

class Walk {
  readonly #graph: GraphProto;
  readonly #values = new Map<string, Value>();
  /** Not read before a node asks for them. */
  readonly #initializers: ReadonlyMap<string, TensorProto>;
  readonly #body = new Body();
  readonly #evaluator = new Evaluator();

  constructor(graph: GraphProto) {
    this.#graph = graph;
    this.#initializers = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
    for (const { name, dims } of graph.inputs) {
      // Before IR version 4, weights were inputs too.
      if (!this.#initializers.has(name)) this.#values.set(name, { at: 'input', dims: dims ?? [] });
    }
  }

  run(opset: number): Recognised {
    for (const [index, proto] of this.#graph.nodes.entries()) {
      const node = new Node(proto, opset);
      const [output, ...others] = node.outputs;
      if (output) this.#values.set(output, this.#attempt(node, index));
      for (const name of others) this.#values.set(name, unfit(misfit(node, 'its second output is used'), index));
    }
    return this.#result();
  }

  #attempt(node: Node, index: number): Value {
    try {
      const inputs = node.inputs.map((name) => (name === '' ? null : this.#value(node, name)));
      const failed = inputs.filter(isUnfit).sort((a, b) => a.index - b.index)[0];
      return failed ?? this.#apply(node, inputs);
    } catch (error) {
      if (error instanceof ModelShapeError) return unfit(error, index);
      throw error;
    }
  }

  #value(node: Node, name: string): Value {
    const known = this.#values.get(name);
    if (known) return known;
    const proto = this.#initializers.get(name);
    if (!proto) throw misfit(node, `nothing before it makes its input "${name}"`);
    const constant = readConstant(proto);
    this.#values.set(name, constant);
    return constant;
  }

  #apply(node: Node, inputs: readonly (Value | null)[]): Value {
    if (node.op.includes('.')) throw misfit(node, FOREIGN);
    const places = inputs.filter(isPlace);
    const constants = inputs.map((input) => (isConstant(input) ? input : null));
    const [place, another] = places;
    if (!place || (node.op === 'CastLike' && isConstant(inputs[0] ?? null)))
      return this.#evaluator.evaluate(node, constants);
    if (node.op === 'Concat') return this.#concat(node, inputs, places);
    if (another) throw misfit(node, 'it takes two feature maps; a DenseNet joins them by Concat alone');
    // Mul and Add take the map on either side; the operands keep their order without it.
    const operands = constants.filter((_, i) => !isPlace(inputs[i] ?? null));
    const isSwapped = !isPlace(inputs[0] ?? null);
    if (isSwapped && node.op !== 'Mul' && node.op !== 'Add')
      throw unexpected(node, place, `, found ${node.op} of constants`);
    return this.#follow(node, place, operands);
  }

  #concat(node: Node, inputs: readonly (Value | null)[], places: readonly Place[]): Place {
    if (places.length === inputs.length) return this.#body.concat(node, places);
    throw misfit(node, 'it joins features and constants');
  }

  /** A node that works on one map. */
  #follow(node: Node, place: Place, operands: Operands): Value {
    const [first] = operands;
    switch (node.op) {
      case 'Identity':
      case 'CastLike':
        return place;
      case 'Dropout':
        return dropout(node, place, operands);
      case 'Cast':
        return castMap(node, place);
      case 'Shape':
        return dimensions(node, shapeAt(node, place));
      case 'Transpose':
        return transposeInput(node, place);
      case 'Pad':
        return padded(node, place, operands);
      case 'Conv':
        return place.at === 'pooled' ? convHead(node, place, operands) : this.#body.conv(node, place, operands);
      case 'BatchNormalization':
        return batchNorm(node, place, operands);
      case 'Mul':
      case 'Add':
      case 'Sub':
        return place.at === 'logits' ? addBias(node, place, operands) : affine(node, place, operands);
      case 'Relu':
        return relu(node, place);
      case 'MaxPool':
        return maxPool(node, place);
      case 'AveragePool':
        return averagePool(node, place);
      case 'GlobalAveragePool':
        return globalAverage(node, place, null);
      case 'ReduceMean':
        return globalAverage(node, place, axesOf(node, first));
      case 'Flatten':
        return behindHead(place) ?? flatten(node, place, null, null);
      case 'Squeeze':
        return behindHead(place) ?? flatten(node, place, null, axesOf(node, first));
      case 'Reshape':
        return behindHead(place) ?? reshapeMap(node, place, reshapeTarget(node, first));
      case 'Gemm':
        return gemm(node, place, operands);
      case 'MatMul':
        return matMul(node, place, operands);
      case 'Softmax':
      case 'LogSoftmax':
      case 'Sigmoid':
        return activation(node, place);
      default:
        throw unexpected(node, place, `; ${node.op} is no operator of a DenseNet`);
    }
  }

  #result(): Recognised {
    const outputs = this.#graph.outputs.map(({ name }) => this.#values.get(name) ?? null);
    for (const value of outputs) {
      if (!isPlace(value)) continue;
      if (value.at === 'logits') return { logits: value, activation: null, order: this.#body.order };
      if (value.at === 'scores') {
        return { logits: value.logits, activation: value.activation, order: this.#body.order };
      }
    }
    const failed = outputs.filter(isUnfit).sort((a, b) => a.index - b.index)[0];
    if (failed) throw failed.error;
    const end = outputs.find(isPlace);
    const what = end ? `it ends where there should be ${FOLLOWERS[end.at]}` : 'none of its outputs is computed';
    throw new ModelShapeError(`not a DenseNet that can be run here: the graph has no logits, ${what}`, {
      missing: ['classifier.weight'],
      extra: [],
      misshaped: [],
    });
  }
}

const FOREIGN =
  "its operator is not one of ONNX's own. Export without a runtime's optimisations; onnx.inliner.inline_local_functions " +
  "puts a file's own functions in line";

const unfit = (error: ModelShapeError, index: number): Unfit => ({ at: 'unfit', error, index });

/** Reshaping scores changes nothing. */
const behindHead = (place: Place): Place | null => (place.at === 'scores' ? place : null);

/** To the shape that it has, as converters do with maps of 1×1, or behind the pool. */
function reshapeMap(node: Node, place: Place, target: readonly (number | null)[]): Place {
  return isShape(target, shapeAt(node, place)) ? place : flatten(node, place, target, null);
}

/** Does nothing outside of training, which an input asks for since opset 12. */
function dropout(node: Node, place: Place, [, training]: Operands): Place {
  if (training && wholeNumbers(node, training).some((flag) => flag !== 0))
    throw misfit(node, 'it is in training mode; export the network after model.eval()');
  return place;
}

const FLOAT_TYPES = [1, 10, 11, 16];

/** Between floating-point types; the runtime has a precision of its own. */
function castMap(node: Node, place: Place): Place {
  const to = node.int('to', 1);
  // A name before opset 6.
  if (FLOAT_TYPES.includes(to) || /^(FLOAT|DOUBLE)/.test(node.text('to', ''))) return place;
  throw misfit(node, `expected a floating-point type (${FLOAT_TYPES.join(', ')}), found ${to}`);
}

/** NHWC → NCHW, as converters from TensorFlow write before the stem. */
function transposeInput(node: Node, place: Place): Place {
  const order = node.ints('perm') ?? [];
  if (place.at !== 'input' || order.join() !== '0,3,1,2')
    throw unexpected(node, place, `, found an order of [${order}]`);
  return { at: 'input', dims: order.map((axis) => place.dims[axis] ?? null) };
}

/** Pads and value are inputs or, before opset 11, attributes. */
function padded(node: Node, place: Place, [pads, value]: Operands): Place {
  const amounts = node.ints('pads') ?? wholeNumbers(node, pads);
  const given = value ? tensorOf(node, value) : null;
  const isZero = given ? given.bytes.every((byte) => byte === 0) : node.float('value', 0) === 0;
  return pad(node, place, amounts, isZero);
}
