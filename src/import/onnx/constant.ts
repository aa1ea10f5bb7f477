/** The tensors of an ONNX file as constants. */
import { DTYPE_BYTES, type Dtype, elementCount } from '../../tensor/tensor.js';
import type { Constant } from '../graph/constant.js';
import type { DataField, TensorProto } from './messages.js';
import { onnxError, readVarints } from './proto.js';

const FLOAT_TYPES: Readonly<Record<number, { dtype: Dtype; field: DataField }>> = {
  1: { dtype: 'F32', field: 'float' },
  10: { dtype: 'F16', field: 'int32' },
  11: { dtype: 'F64', field: 'double' },
  16: { dtype: 'BF16', field: 'int32' },
};
/** Booleans are 0 or 1. */
const INT_TYPES: Readonly<Record<number, { bytes: 1 | 4 | 8; field: DataField }>> = {
  6: { bytes: 4, field: 'int32' },
  7: { bytes: 8, field: 'int64' },
  9: { bytes: 1, field: 'int32' },
};
/** `TensorProto.DataType` by number, for messages. */
const TYPE_NAMES =
  'UNDEFINED FLOAT UINT8 INT8 UINT16 INT16 INT32 INT64 STRING BOOL FLOAT16 DOUBLE UINT32 UINT64 COMPLEX64 COMPLEX128 BFLOAT16'.split(
    ' ',
  );
const MOST_DIMENSIONS = 8;
/** Shapes, axes and pads are short. */
const MOST_INTS = 4096;

/** @throws ModelFormatError naming the tensor whose data are elsewhere or cut short */
export function readConstant(proto: TensorProto): Constant {
  const { name, dims, dataType } = proto;
  if (proto.external !== null) throw external(name, proto.external);
  const isShape = dims.length <= MOST_DIMENSIONS && dims.every((dimension) => dimension >= 0);
  const count = elementCount(dims);
  if (!isShape || !Number.isSafeInteger(8 * count))
    throw onnxError(`tensor "${name}" has the impossible shape [${dims}]`);
  const float = FLOAT_TYPES[dataType];
  if (float) {
    const bytes = floatBytes(proto, float.dtype, float.field, count);
    return { kind: 'floats', tensor: { name, dtype: float.dtype, shape: dims, bytes } };
  }
  const int = INT_TYPES[dataType];
  if (!int || count > MOST_INTS)
    return { kind: 'opaque', shape: dims, type: TYPE_NAMES[dataType] ?? `type ${dataType}` };
  return { kind: 'ints', shape: dims, values: readInts(proto, int.bytes, int.field, count) };
}

function external(name: string, file: string): Error {
  return onnxError(
    `tensor "${name}" lies in another file ("${file}"): put all in one with onnx.save(onnx.load("model.onnx"), "one.onnx")`,
  );
}

function floatBytes(proto: TensorProto, dtype: Dtype, field: DataField, count: number): Uint8Array {
  const raw = proto.data.get('raw');
  const size = DTYPE_BYTES[dtype];
  if (!raw && field === 'int32') {
    const words = Uint16Array.from(varints(proto, field, count));
    return new Uint8Array(words.buffer);
  }
  const bytes = joined(raw ?? proto.data.get(field) ?? []);
  if (bytes.length !== count * size) {
    throw onnxError(
      `tensor "${proto.name}" [${proto.dims}] needs ${count * size} bytes of ${dtype}, but has ${bytes.length}`,
    );
  }
  return bytes;
}

function readInts(proto: TensorProto, size: 1 | 4 | 8, field: DataField, count: number): number[] {
  const raw = proto.data.get('raw');
  if (!raw) return varints(proto, field, count);
  const bytes = joined(raw);
  if (bytes.length !== count * size) {
    throw onnxError(`tensor "${proto.name}" [${proto.dims}] needs ${count * size} bytes, but has ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) =>
    size === 8 ? Number(view.getBigInt64(8 * i, true)) : size === 4 ? view.getInt32(4 * i, true) : view.getUint8(i),
  );
}

/** Exactly `count` of them. */
function varints(proto: TensorProto, field: DataField, count: number): number[] {
  const values = readVarints(joined(proto.data.get(field) ?? []), field === 'int64' ? 64 : 32, count);
  if (values.length === count) return values;
  throw onnxError(`tensor "${proto.name}" [${proto.dims}] needs ${count} values, but has ${values.length}`);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = chunks;
  if (first && rest.length === 0) return first;
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let position = 0;
  for (const chunk of chunks) {
    out.set(chunk, position);
    position += chunk.length;
  }
  return out;
}
