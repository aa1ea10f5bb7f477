/**
 * The messages of an ONNX file, as far as topology and weights need them, read with protobufjs's wire reader. A table
 * of fields per message, no generated code and no `eval`. Tensors' data stay views of the file.
 *
 * Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3.
 */
import protobuf from 'protobufjs/minimal.js';
import { isDenseNetError } from '../../core/errors.js';
import { formatError } from '../format-error.js';
import type {
  AttributeProto,
  DataField,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfo,
} from './messages.js';

/** Fields in one file, some 300 bytes in memory each. DenseNet-121 as Caffe2 exported it, in 1746 nodes, has 28 thousand. */
const MOST_ITEMS = 2 ** 18;
const STANDARD_DOMAINS = ['', 'ai.onnx'];

/** @throws ModelFormatError when the bytes are no whole ONNX file */
export function readModelProto(bytes: Uint8Array): ModelProto {
  return guarded(() => new ProtoReader().model(bytes));
}

/** Protobufjs throws plain errors where bytes are missing or make no sense. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (isDenseNetError(cause) || !(cause instanceof Error)) throw cause;
    throw onnxError(`it is truncated or damaged (${cause.message})`, { cause });
  }
}

/** Reads one field's value from where the reader stands. */
interface Field {
  readonly wires: readonly number[];
  readonly read: (reader: protobuf.Reader, wire: number) => void;
}

type Fields = Readonly<Record<number, Field>>;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

class ProtoReader {
  #items = 0;

  model(bytes: Uint8Array): ModelProto {
    let opset = 1;
    const graphs: GraphProto[] = [];
    this.#message(bytes, {
      7: message((value) => graphs.push(this.#graph(value))),
      8: message((value) => {
        const { domain, version } = this.#operatorSet(value);
        if (STANDARD_DOMAINS.includes(domain)) opset = version;
      }),
    });
    const [graph] = graphs;
    if (!graph) throw onnxError('it has no graph');
    return { opset, graph };
  }

  #operatorSet(bytes: Uint8Array): { domain: string; version: number } {
    let domain = '';
    let version = 1;
    this.#message(bytes, { 1: text((value) => (domain = value)), 2: int((value) => (version = value)) });
    return { domain, version };
  }

  #graph(bytes: Uint8Array): GraphProto {
    const nodes: NodeProto[] = [];
    const initializers: TensorProto[] = [];
    const inputs: ValueInfo[] = [];
    const outputs: ValueInfo[] = [];
    this.#message(bytes, {
      1: message((value) => nodes.push(this.#node(value))),
      5: message((value) => initializers.push(this.#tensor(value))),
      11: message((value) => inputs.push(this.#valueInfo(value))),
      12: message((value) => outputs.push(this.#valueInfo(value))),
    });
    return { nodes, initializers, inputs, outputs };
  }

  #node(bytes: Uint8Array): NodeProto {
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes = new Map<string, AttributeProto>();
    let [name, type, domain] = ['', '', ''];
    this.#message(bytes, {
      1: text((value) => inputs.push(value)),
      2: text((value) => outputs.push(value)),
      3: text((value) => (name = value)),
      4: text((value) => (type = value)),
      5: message((value) => attributes.set(...this.#attribute(value))),
      7: text((value) => (domain = value)),
    });
    const op = STANDARD_DOMAINS.includes(domain) ? type : `${domain}.${type}`;
    return { name, op, inputs, outputs, attributes };
  }

  #attribute(bytes: Uint8Array): [string, AttributeProto] {
    const floats: number[] = [];
    const ints: number[] = [];
    let [name, s, f, i] = ['', '', 0, 0];
    let t: TensorProto | null = null;
    this.#message(bytes, {
      1: text((value) => (name = value)),
      2: { wires: [FIXED32], read: (reader) => (f = reader.float()) },
      3: int((value) => (i = value)),
      4: text((value) => (s = value)),
      5: message((value) => (t = this.#tensor(value))),
      7: this.#repeated(FIXED32, (reader) => floats.push(reader.float())),
      8: this.#repeated(VARINT, (reader) => ints.push(int64(reader))),
    });
    return [name, { f, i, s, t, floats, ints }];
  }

  #tensor(bytes: Uint8Array): TensorProto {
    const dims: number[] = [];
    const data = new Map<DataField, Uint8Array[]>();
    let [name, dataType, isExternal, isSegment, location] = ['', 0, false, false, ''];
    const collect = (field: DataField, wire: number): Field => ({
      wires: [BYTES, wire],
      read: (reader, found) => {
        const chunks = data.get(field) ?? [];
        data.set(field, chunks);
        chunks.push(found === BYTES ? reader.bytes() : element(reader, found));
      },
    });
    this.#message(bytes, {
      1: this.#repeated(VARINT, (reader) => dims.push(int64(reader))),
      2: int((value) => (dataType = value)),
      3: message(() => (isSegment = true)),
      4: collect('float', FIXED32),
      5: collect('int32', VARINT),
      7: collect('int64', VARINT),
      8: text((value) => (name = value)),
      9: collect('raw', BYTES),
      10: collect('double', FIXED64),
      13: message((value) => (location = this.#location(value) ?? location)),
      14: int((value) => (isExternal = value === 1)),
    });
    if (isSegment) throw onnxError(`tensor "${name}" is one segment of several, which is not read`);
    return { name, dims, dataType, data, external: isExternal ? location || 'another file' : null };
  }

  /** The value of an `external_data` entry whose key is `location`. */
  #location(bytes: Uint8Array): string | null {
    let [key, value] = ['', ''];
    this.#message(bytes, { 1: text((read) => (key = read)), 2: text((read) => (value = read)) });
    return key === 'location' ? value : null;
  }

  /** ValueInfoProto → TypeProto → Tensor → TensorShapeProto → Dimension. */
  #valueInfo(bytes: Uint8Array): ValueInfo {
    const dims: (number | null)[] = [];
    let name = '';
    let isKnown = false;
    const dimension = (value: Uint8Array) => {
      let size: number | null = null;
      this.#message(value, { 1: int((read) => (size = read > 0 ? read : null)) });
      dims.push(size);
    };
    const shape = (value: Uint8Array) => {
      isKnown = true;
      this.#message(value, { 1: message(dimension) });
    };
    const tensor = (value: Uint8Array) => this.#message(value, { 2: message(shape) });
    const type = (value: Uint8Array) => this.#message(value, { 1: message(tensor) });
    this.#message(bytes, { 1: text((value) => (name = value)), 2: message(type) });
    return { name, dims: isKnown ? dims : null };
  }

  /** Reads every field that is in the table and skips the others. */
  #message(bytes: Uint8Array, fields: Fields): void {
    const reader = new protobuf.Reader(bytes);
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      const [number, wire] = [tag >>> 3, tag & 7];
      const field = fields[number];
      if (!field) {
        reader.skipType(wire);
        continue;
      }
      if (!field.wires.includes(wire)) throw onnxError(`field ${number} is of wire type ${wire}`);
      this.#count();
      field.read(reader, wire);
    }
  }

  /** Numbers, packed or one at a time. */
  #repeated(wire: number, read: (reader: protobuf.Reader) => void): Field {
    return {
      wires: [wire, BYTES],
      read: (reader, found) => {
        if (found === wire) return read(reader);
        const packed = new protobuf.Reader(reader.bytes());
        while (packed.pos < packed.len) {
          this.#count();
          read(packed);
        }
      },
    };
  }

  #count(): void {
    if (++this.#items > MOST_ITEMS)
      throw onnxError(`it has more than ${MOST_ITEMS} messages, far more than any DenseNet`);
  }
}

const message = (use: (bytes: Uint8Array) => void): Field => ({
  wires: [BYTES],
  read: (reader) => use(reader.bytes()),
});
const text = (use: (value: string) => void): Field => ({ wires: [BYTES], read: (reader) => use(reader.string()) });
const int = (use: (value: number) => void): Field => ({ wires: [VARINT], read: (reader) => use(int64(reader)) });

/** Values beyond 2^53 lose their last bits: they only ever mean "to the end". */
function int64(reader: protobuf.Reader): number {
  return Number(reader.int64());
}

/** Signed numbers in a row, at most one more than `most`. */
export function readVarints(bytes: Uint8Array, bits: 32 | 64, most: number): number[] {
  const reader = new protobuf.Reader(bytes);
  const values: number[] = [];
  return guarded(() => {
    while (reader.pos < reader.len && values.length <= most) values.push(bits === 32 ? reader.int32() : int64(reader));
    return values;
  });
}

/** The wire bytes of one unpacked element; a packed field is nothing but these in a row. */
function element(reader: protobuf.Reader, wire: number): Uint8Array {
  const start = reader.pos;
  reader.skipType(wire);
  return reader.buf.subarray(start, reader.pos);
}

export const onnxError = formatError('onnx');
