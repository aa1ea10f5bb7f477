/** A small DenseNet as an ONNX graph, to be changed node by node, and its bytes: what the importer's tests read. */
import protobuf from 'protobufjs/minimal.js';
import { random } from '../kernels/harness.js';

export type TensorType = 'f32' | 'f64' | 'f16' | 'bf16' | 'i64';

export interface TensorSpec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
  readonly type?: TensorType;
  /** In the field of its type rather than as raw bytes; packed, as every ONNX library writes it, or each value apart. */
  readonly isTyped?: boolean | 'unpacked';
  /** The file that is said to hold the data. */
  readonly external?: string;
  /** `TensorProto.DataType`, to lie about it. */
  readonly dataType?: number;
}

/** A number is an int; floats are wrapped. */
export type Attribute = number | string | readonly number[] | { readonly float: number } | TensorSpec;

/** Its output is called as the node is. */
export interface NodeSpec {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: string;
  /** Only its output is named. */
  readonly isNameless?: boolean;
}

export interface GraphSpec {
  readonly opset: number;
  readonly nodes: readonly NodeSpec[];
  readonly tensors: readonly TensorSpec[];
  /** Name → dimensions; `null` where left open. */
  readonly inputs: Readonly<Record<string, readonly (number | null)[]>>;
  readonly outputs: readonly string[];
}

const SQUARE = (side: number) => ({ kernel_shape: [side, side] });
export const HALVE = { ...SQUARE(2), strides: [2, 2] };
export const CLASSES = 3;
export const INIT = 6;
export const GROWTH = 4;
const WIDTH = 8;

/** Collects nodes and seeded weights, exact even in bfloat16. */
class Builder {
  readonly nodes: NodeSpec[] = [];
  readonly tensors: TensorSpec[] = [];
  readonly #next = random(1);

  /** Multiples of 1/16 in (-1/2, 1/2), or positive ones. */
  weight(name: string, dims: readonly number[], isPositive = false): string {
    const count = dims.reduce((product, dimension) => product * dimension, 1);
    // No negative zeros: sums lose them.
    const value = () => Math.trunc(8 * this.#next()) / 16 || 0;
    const values = Array.from({ length: count }, () => (isPositive ? 0.5 + Math.abs(value()) : value()));
    this.tensors.push({ name, dims, values });
    return name;
  }

  add(name: string, op: string, inputs: readonly string[], attributes: NodeSpec['attributes'] = {}): string {
    this.nodes.push({ name, op, inputs, attributes });
    return name;
  }

  conv(name: string, x: string, out: number, channels: number, kernel: number, stride = 1): string {
    const pad = (kernel - 1) / 2;
    const attributes = { ...SQUARE(kernel), strides: [stride, stride], pads: [pad, pad, pad, pad] };
    return this.add(name, 'Conv', [x, this.weight(`${name}.weight`, [out, channels, kernel, kernel])], attributes);
  }

  normRelu(name: string, x: string, channels: number): string {
    const constants = ['scale', 'shift', 'mean', 'variance'].map((leaf) =>
      this.weight(`${name}.norm.${leaf}`, [channels], leaf === 'scale' || leaf === 'variance'),
    );
    this.add(`${name}.norm`, 'BatchNormalization', [x, ...constants], { epsilon: { float: 1e-5 } });
    return this.add(`${name}.relu`, 'Relu', [`${name}.norm`]);
  }
}

/**
 * Blocks of two layers: `stem`, `b1l1.a.norm`, `.relu`, `b1l1.conv1`, `b1l1.b.norm`, …, `b1l1.concat`, `t1.norm`,
 * `t1.conv`, `t1.pool`, `final.norm`, `final.relu`, `pool`, `flatten`, `fc`.
 */
export function tinyDenseNet(stem: 'cifar' | 'imagenet' = 'cifar'): GraphSpec {
  const builder = new Builder();
  const side = stem === 'cifar' ? 8 : 32;
  let x = builder.conv('stem', 'input', INIT, 3, stem === 'cifar' ? 3 : 7, stem === 'cifar' ? 1 : 2);
  if (stem === 'imagenet') {
    x = builder.normRelu('stem', x, INIT);
    x = builder.add('stem.pool', 'MaxPool', [x], { ...SQUARE(3), strides: [2, 2], pads: [1, 1, 1, 1] });
  }
  let channels = INIT;
  for (const b of [1, 2]) {
    for (const i of [1, 2]) {
      const name = `b${b}l${i}`;
      const narrow = builder.conv(`${name}.conv1`, builder.normRelu(`${name}.a`, x, channels), WIDTH, channels, 1);
      const grown = builder.conv(`${name}.conv2`, builder.normRelu(`${name}.b`, narrow, WIDTH), GROWTH, WIDTH, 3);
      x = builder.add(`${name}.concat`, 'Concat', [x, grown], { axis: 1 });
      channels += GROWTH;
    }
    if (b === 2) break;
    x = builder.conv('t1.conv', builder.normRelu('t1', x, channels), channels / 2, channels, 1);
    x = builder.add('t1.pool', 'AveragePool', [x], HALVE);
    channels /= 2;
  }
  builder.add('pool', 'GlobalAveragePool', [builder.normRelu('final', x, channels)]);
  builder.add('flatten', 'Flatten', ['pool']);
  const head = [builder.weight('fc.weight', [CLASSES, channels]), builder.weight('fc.bias', [CLASSES])];
  builder.add('fc', 'Gemm', ['flatten', ...head], { transB: 1 });
  const { nodes, tensors } = builder;
  return { opset: 17, nodes, tensors, inputs: { input: [1, 3, side, side] }, outputs: ['fc'] };
}

/** A node's change: some of its fields, or the nodes to stand in its place. */
export type Edit = Partial<NodeSpec> | readonly NodeSpec[];

/** @throws Error for an edit of a node that is not there */
export function edited(
  graph: GraphSpec,
  edits: Readonly<Record<string, Edit>>,
  tensors: readonly TensorSpec[] = [],
): GraphSpec {
  const known = new Set(graph.nodes.map(({ name }) => name));
  for (const name of Object.keys(edits)) if (!known.has(name)) throw new Error(`there is no node ${name}`);
  const isList = (edit: Edit): edit is readonly NodeSpec[] => Array.isArray(edit);
  const nodes = graph.nodes.flatMap((node) => {
    const edit = edits[node.name] ?? {};
    return isList(edit) ? edit : [{ ...node, ...edit }];
  });
  const replaced = new Set(tensors.map(({ name }) => name));
  return { ...graph, nodes, tensors: [...graph.tensors.filter(({ name }) => !replaced.has(name)), ...tensors] };
}

export function node(
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: NodeSpec['attributes'] = {},
): NodeSpec {
  return { name, op, inputs, attributes };
}

/** A list of whole numbers: axes, pads, a shape. */
export function ints(name: string, values: readonly number[]): TensorSpec {
  return { name, dims: [values.length], values, type: 'i64' };
}

/** @throws Error when there is none */
export function tensorOf(graph: GraphSpec, name: string): TensorSpec {
  const tensor = graph.tensors.find((candidate) => candidate.name === name);
  if (!tensor) throw new Error(`there is no tensor ${name}`);
  return tensor;
}

/** The graph's `.onnx` file. */
export function encode(graph: GraphSpec): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1, 0)).int64(8);
  nested(writer, 7, () => {
    for (const node of graph.nodes) nested(writer, 1, () => writeNode(writer, node));
    for (const tensor of graph.tensors) nested(writer, 5, () => writeTensor(writer, tensor));
    for (const [name, dims] of Object.entries(graph.inputs)) nested(writer, 11, () => writeInfo(writer, name, dims));
    for (const name of graph.outputs) nested(writer, 12, () => writeInfo(writer, name, []));
  });
  nested(writer, 8, () => writer.uint32(tag(2, 0)).int64(graph.opset));
  return Uint8Array.from(writer.finish());
}

const tag = (field: number, wire: number): number => (field << 3) | wire;

function nested(writer: protobuf.Writer, field: number, write: () => void): void {
  writer.uint32(tag(field, 2)).fork();
  write();
  writer.ldelim();
}

const text = (writer: protobuf.Writer, field: number, value: string) => writer.uint32(tag(field, 2)).string(value);

function writeNode(writer: protobuf.Writer, node: NodeSpec): void {
  for (const input of node.inputs) text(writer, 1, input);
  text(writer, 2, node.name);
  if (!node.isNameless) text(writer, 3, node.name);
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {}))
    nested(writer, 5, () => writeAttribute(writer, name, value));
  if (node.domain !== undefined) text(writer, 7, node.domain);
}

function writeAttribute(writer: protobuf.Writer, name: string, value: Attribute): void {
  text(writer, 1, name);
  if (typeof value === 'number') writer.uint32(tag(3, 0)).int64(value);
  else if (typeof value === 'string') text(writer, 4, value);
  else if ('float' in value) writer.uint32(tag(2, 5)).float(value.float);
  else if ('dims' in value) nested(writer, 5, () => writeTensor(writer, value));
  else for (const item of value) writer.uint32(tag(8, 0)).int64(item);
}

const DATA_TYPES = { f32: 1, i64: 7, f16: 10, f64: 11, bf16: 16 } as const;

function writeTensor(writer: protobuf.Writer, tensor: TensorSpec): void {
  const { dims, name, values, type = 'f32', isTyped, external } = tensor;
  for (const dimension of dims) writer.uint32(tag(1, 0)).int64(dimension);
  writer.uint32(tag(2, 0)).int32(tensor.dataType ?? DATA_TYPES[type]);
  text(writer, 8, name);
  if (external !== undefined) {
    nested(writer, 13, () => text(text(writer, 1, 'location'), 2, external));
    writer.uint32(tag(14, 0)).int32(1);
  } else if (isTyped === 'unpacked') for (const value of values) writer.uint32(tag(4, 5)).float(value);
  else if (isTyped) writeTyped(writer, type, values);
  else writer.uint32(tag(9, 2)).bytes(rawBytes(type, values));
}

function writeTyped(writer: protobuf.Writer, type: TensorType, values: readonly number[]): void {
  const field = { f32: 4, f16: 5, bf16: 5, i64: 7, f64: 10 }[type];
  nested(writer, field, () => {
    for (const value of values) {
      if (type === 'f32') writer.float(value);
      else if (type === 'f64') writer.double(value);
      else if (type === 'i64') writer.int64(value);
      else writer.int32(bits(type, value));
    }
  });
}

function rawBytes(type: TensorType, values: readonly number[]): Uint8Array {
  if (type === 'f64') return new Uint8Array(Float64Array.from(values).buffer);
  if (type === 'i64') return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  if (type === 'f32') return new Uint8Array(Float32Array.from(values).buffer);
  return new Uint8Array(Uint16Array.from(values, (value) => bits(type, value)).buffer);
}

/** The 16 bits of a value that they hold exactly, not subnormal. */
function bits(type: 'f16' | 'bf16', value: number): number {
  const [word = 0] = new Uint32Array(Float32Array.of(value).buffer);
  if (type === 'bf16') return word >>> 16;
  return value === 0 ? 0 : ((word >>> 16) & 0x8000) | ((((word >>> 23) & 0xff) - 112) << 10) | ((word >>> 13) & 0x3ff);
}

function writeInfo(writer: protobuf.Writer, name: string, dims: readonly (number | null)[]): void {
  text(writer, 1, name);
  nested(writer, 2, () =>
    nested(writer, 1, () => {
      writer.uint32(tag(1, 0)).int32(1);
      nested(writer, 2, () => {
        for (const dimension of dims)
          nested(writer, 1, () =>
            dimension === null ? text(writer, 2, 'N') : writer.uint32(tag(1, 0)).int64(dimension),
          );
      });
    }),
  );
}
