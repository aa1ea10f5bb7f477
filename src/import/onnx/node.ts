/** A node of an ONNX file: attributes are read from its messages when they are asked for. */
import type { Constant } from '../graph/constant.js';
import type { NetworkGraph, Node } from '../graph/node.js';
import { readConstant } from './constant.js';
import type { AttributeProto, ModelProto, NodeProto } from './messages.js';

class OnnxNode implements Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #name: string;
  readonly #attributes: ReadonlyMap<string, AttributeProto>;

  constructor(
    proto: NodeProto,
    readonly opset: number,
  ) {
    this.op = proto.op;
    this.inputs = proto.inputs;
    this.outputs = proto.outputs;
    this.#name = proto.name;
    this.#attributes = proto.attributes;
  }

  has(attribute: string): boolean {
    return this.#attributes.has(attribute);
  }

  int(attribute: string, otherwise: number): number {
    return this.#attributes.get(attribute)?.i ?? otherwise;
  }

  float(attribute: string, otherwise: number): number {
    return this.#attributes.get(attribute)?.f ?? otherwise;
  }

  text(attribute: string, otherwise: string): string {
    return this.#attributes.get(attribute)?.s ?? otherwise;
  }

  ints(attribute: string): readonly number[] | null {
    return this.#attributes.get(attribute)?.ints ?? null;
  }

  floats(attribute: string): readonly number[] | null {
    return this.#attributes.get(attribute)?.floats ?? null;
  }

  tensor(attribute: string): Constant | null {
    const proto = this.#attributes.get(attribute)?.t;
    return proto ? readConstant(proto) : null;
  }

  /** Where the node has no name, what it makes. */
  toString(): string {
    const name = this.#name === '' ? `that makes "${this.outputs[0] ?? ''}"` : `"${this.#name}"`;
    return `node ${name} (${this.op})`;
  }
}

/** @throws ModelFormatError, when a constant is asked for, if its data cannot be read */
export function graphOf({ graph, opset }: ModelProto): NetworkGraph {
  const initializers = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  return {
    // Before IR version 4, weights were inputs too.
    inputs: graph.inputs
      .filter(({ name }) => !initializers.has(name))
      .map(({ name, dims }) => ({ name, dims: dims ?? [] })),
    outputs: graph.outputs.map(({ name }) => name),
    nodes: graph.nodes.map((proto) => new OnnxNode(proto, opset)),
    constant: (name) => {
      const proto = initializers.get(name);
      return proto ? readConstant(proto) : null;
    },
  };
}
