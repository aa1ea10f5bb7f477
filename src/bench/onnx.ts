/** Operations → an ONNX model (opset 17, IR 8), written with protobufjs from the few messages that it needs. */
import protobuf from 'protobufjs';
import { type ConvOp, INPUT, LOGITS, type NormOp, type Op } from './graph.js';

const field = (type: string, id: number, rule?: 'repeated') => ({ type, id, ...(rule ? { rule } : {}) });

/** From onnx.proto3 (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3): numbers and types are the standard's. */
const SCHEMA: protobuf.INamespace = {
  nested: {
    Attribute: {
      fields: {
        name: field('string', 1),
        f: field('float', 2),
        i: field('int64', 3),
        ints: field('int64', 8, 'repeated'),
        type: field('int32', 20),
      },
    },
    Node: {
      fields: {
        input: field('string', 1, 'repeated'),
        output: field('string', 2, 'repeated'),
        name: field('string', 3),
        opType: field('string', 4),
        attribute: field('Attribute', 5, 'repeated'),
      },
    },
    Tensor: {
      fields: {
        dims: field('int64', 1, 'repeated'),
        dataType: field('int32', 2),
        name: field('string', 8),
        rawData: field('bytes', 9),
      },
    },
    Dimension: { fields: { dimValue: field('int64', 1) } },
    Shape: { fields: { dim: field('Dimension', 1, 'repeated') } },
    TensorType: { fields: { elemType: field('int32', 1), shape: field('Shape', 2) } },
    ValueType: { fields: { tensorType: field('TensorType', 1) } },
    ValueInfo: { fields: { name: field('string', 1), type: field('ValueType', 2) } },
    Graph: {
      fields: {
        node: field('Node', 1, 'repeated'),
        name: field('string', 2),
        initializer: field('Tensor', 5, 'repeated'),
        input: field('ValueInfo', 11, 'repeated'),
        output: field('ValueInfo', 12, 'repeated'),
      },
    },
    OperatorSet: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    Model: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        graph: field('Graph', 7),
        opsetImport: field('OperatorSet', 8, 'repeated'),
      },
    },
  },
};

const FLOAT = 1;
const ATTRIBUTE_TYPE = { f: 1, i: 2, ints: 7 } as const;
const IR_VERSION = 8;
const OPSET = 17;

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** What the graph is made of, in protobufjs's plain objects. */
class GraphBuilder {
  readonly node: object[] = [];
  readonly initializer: object[] = [];

  tensor(name: string, dims: readonly number[], values: Float32Array): string {
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.initializer.push({ name, dims, dataType: FLOAT, rawData });
    return name;
  }

  add(opType: string, input: readonly string[], output: string, attributes: Attributes = {}): void {
    const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
    this.node.push({ name: output, opType, input, output: [output], attribute });
  }
}

/** Whole numbers are ints, but epsilon is a float whatever its value. */
function attributeOf(name: string, value: number | readonly number[]): object {
  if (typeof value !== 'number') return { name, ints: value, type: ATTRIBUTE_TYPE.ints };
  return name === 'epsilon' ? { name, f: value, type: ATTRIBUTE_TYPE.f } : { name, i: value, type: ATTRIBUTE_TYPE.i };
}

/**
 * @param inputShape [N, C, H, W]; fixed, since runtimes plan better for fixed shapes
 * @param inputName for libraries that ask for another than `input`
 * @returns the bytes of an `.onnx` file: the input → `logits` [N, classes]
 */
export function onnxModel(
  ops: readonly Op[],
  inputShape: readonly number[],
  classes: number,
  inputName = INPUT,
): Uint8Array {
  const graph = new GraphBuilder();
  if (inputName !== INPUT) graph.add('Identity', [inputName], INPUT);
  for (const op of ops) addOp(graph, op);
  const info = (name: string, shape: readonly number[]) => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  });
  const model = {
    irVersion: IR_VERSION,
    producerName: 'densenet-webgpu bench',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: 'densenet',
      node: graph.node,
      initializer: graph.initializer,
      input: [info(inputName, inputShape)],
      output: [info(LOGITS, [inputShape[0] ?? 1, classes])],
    },
  };
  return protobuf.Root.fromJSON(SCHEMA).lookupType('Model').encode(model).finish();
}

function addOp(graph: GraphBuilder, op: Op): void {
  const { inputs, output } = op;
  switch (op.op) {
    case 'conv':
      addConv(graph, op);
      break;
    case 'norm':
      addNorm(graph, op);
      break;
    case 'concat':
      graph.add('Concat', inputs, output, { axis: 1 });
      break;
    case 'maxPool':
      graph.add('MaxPool', inputs, output, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
      break;
    case 'averagePool':
      graph.add('AveragePool', inputs, output, { kernel_shape: [2, 2], strides: [2, 2] });
      break;
    case 'globalAverage':
      graph.add('GlobalAveragePool', inputs, `${output}.map`);
      graph.add('Flatten', [`${output}.map`], output, { axis: 1 });
      break;
    case 'linear': {
      const weight = graph.tensor(`${output}.weight`, [op.out, op.in], op.weight);
      const bias = graph.tensor(`${output}.bias`, [op.out], op.bias);
      graph.add('Gemm', [...inputs, weight, bias], output, { transB: 1 });
    }
  }
}

function addNorm(graph: GraphBuilder, { inputs, output, scale, shift }: NormOp): void {
  const channels = scale.length;
  const constants = [
    graph.tensor(`${output}.scale`, [channels], scale),
    graph.tensor(`${output}.shift`, [channels], shift),
    graph.tensor(`${output}.mean`, [channels], new Float32Array(channels)),
    graph.tensor(`${output}.variance`, [channels], new Float32Array(channels).fill(1)),
  ];
  graph.add('BatchNormalization', [...inputs, ...constants], `${output}.affine`, { epsilon: 0 });
  graph.add('Relu', [`${output}.affine`], output);
}

function addConv(graph: GraphBuilder, op: ConvOp): void {
  const { output, kernel, stride } = op;
  const pad = (kernel - 1) / 2;
  const weight = graph.tensor(`${output}.weight`, [op.out, op.in, kernel, kernel], op.weight);
  const bias = graph.tensor(`${output}.bias`, [op.out], op.bias);
  const attributes = { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] };
  const target = op.relu ? `${output}.linear` : output;
  graph.add('Conv', [...op.inputs, weight, bias], target, attributes);
  if (op.relu) graph.add('Relu', [target], output);
}
