/** What is read of an ONNX file's protobuf messages: the graph and its tensors' bytes. */

export interface ModelProto {
  /** Of the standard operators; 1 where the file does not say. */
  readonly opset: number;
  readonly graph: GraphProto;
}

export interface GraphProto {
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface NodeProto {
  readonly name: string;
  /** With its domain in front where that is not the standard's: `com.microsoft.FusedConv`. */
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeProto>;
}

/** One of the fields is set; which one, the operator's definition says. */
export interface AttributeProto {
  readonly f: number;
  readonly i: number;
  readonly s: string;
  readonly t: TensorProto | null;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
}

export interface TensorProto {
  readonly name: string;
  readonly dims: readonly number[];
  /** `TensorProto.DataType`. */
  readonly dataType: number;
  /** Wire bytes by field: `raw_data` or the packed elements of a typed field. */
  readonly data: ReadonlyMap<DataField, readonly Uint8Array[]>;
  /** The file that holds the data, where that is another one. */
  readonly external: string | null;
}

export type DataField = 'float' | 'int32' | 'int64' | 'raw' | 'double';

export interface ValueInfo {
  readonly name: string;
  /** `null`: a dimension that the graph leaves open. Absent when the shape is not given. */
  readonly dims: readonly (number | null)[] | null;
}
