/** A node of the graph with its attributes read by name, and the error that names it. */
import { ModelShapeError } from '../../core/errors.js';
import type { AttributeProto, NodeProto } from '../onnx/messages.js';
import { type Constant, readConstant } from './constant.js';

export class Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Version of the standard operators that the file was written for: defaults and inputs differ. */
  readonly opset: number;
  readonly #name: string;
  readonly #attributes: ReadonlyMap<string, AttributeProto>;

  constructor(proto: NodeProto, opset: number) {
    this.op = proto.op;
    this.inputs = proto.inputs;
    this.outputs = proto.outputs;
    this.opset = opset;
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

  /** `"n7" (MaxPool)`; where the node has no name, what it makes. */
  toString(): string {
    return this.#name === '' ? `that makes "${this.outputs[0] ?? ''}" (${this.op})` : `"${this.#name}" (${this.op})`;
  }
}

/** @param what continues "node … does not fit:" */
export function unsupportedNode(node: Node, what: string): ModelShapeError {
  return new ModelShapeError(`not a DenseNet that can be run here: node ${node} does not fit: ${what}`, {
    missing: [],
    extra: [`${node}`],
    misshaped: [],
  });
}
