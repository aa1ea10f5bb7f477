/**
 * A network as the importers describe it to the recogniser: operators in the vocabulary of ONNX, joined by named values.
 * ONNX files are read as they are; Keras layers, PyTorch modules and TorchScript calls become the operators that they
 * compute. Each node is called what its own file calls it.
 */
import { ModelShapeError } from '../../core/errors.js';
import { shorten } from '../format-error.js';
import type { Constant } from './constant.js';

/** One operation. Attributes are read by name, with the default that the operator has where there is none. */
export interface Node {
  readonly op: string;
  /** Names of values; '' where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Version of ONNX's operators: defaults and inputs differ. */
  readonly opset: number;
  has(attribute: string): boolean;
  int(attribute: string, otherwise: number): number;
  float(attribute: string, otherwise: number): number;
  text(attribute: string, otherwise: string): string;
  ints(attribute: string): readonly number[] | null;
  floats(attribute: string): readonly number[] | null;
  tensor(attribute: string): Constant | null;
  /** What the file calls it: `node "n7" (MaxPool)`, `layer "pool1" (MaxPooling2D)`. */
  toString(): string;
}

export interface NetworkGraph {
  /** The image first. `dims` NCHW, `null` where a dimension is open. */
  readonly inputs: readonly { readonly name: string; readonly dims: readonly (number | null)[] }[];
  readonly outputs: readonly string[];
  /** In the order of the computation. */
  readonly nodes: readonly Node[];
  /** A weight or another constant by its name; `null` when there is none. Read when it is first needed. */
  readonly constant: (name: string) => Constant | null;
}

type Attribute = number | string | readonly number[];

/** The version that {@link LayerNode}s are written for. */
const LAYER_OPSET = 17;

/** A node that a reader makes from a layer or a module. */
export class LayerNode implements Node {
  readonly opset = LAYER_OPSET;
  readonly outputs: readonly string[];
  readonly #attributes: ReadonlyMap<string, Attribute>;

  constructor(
    readonly op: string,
    readonly inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>>,
    readonly label: string,
  ) {
    this.outputs = [output];
    this.#attributes = new Map(Object.entries(attributes));
  }

  has(attribute: string): boolean {
    return this.#attributes.has(attribute);
  }

  int(attribute: string, otherwise: number): number {
    const value = this.#attributes.get(attribute);
    return typeof value === 'number' ? value : otherwise;
  }

  float(attribute: string, otherwise: number): number {
    return this.int(attribute, otherwise);
  }

  text(attribute: string, otherwise: string): string {
    const value = this.#attributes.get(attribute);
    return typeof value === 'string' ? value : otherwise;
  }

  ints(attribute: string): readonly number[] | null {
    const value = this.#attributes.get(attribute);
    return typeof value === 'object' ? value : null;
  }

  floats(attribute: string): readonly number[] | null {
    return this.ints(attribute);
  }

  tensor(): null {
    return null;
  }

  toString(): string {
    return this.label;
  }
}

/** @param what continues "… does not fit:" */
export function unsupportedNode(node: Node, what: string): ModelShapeError {
  const [name, reason] = [shorten(`${node}`, 300), shorten(what, 900)];
  return new ModelShapeError(`not a DenseNet that can be run here: ${name} does not fit: ${reason}`, {
    missing: [],
    extra: [`${node}`],
    misshaped: [],
  });
}
