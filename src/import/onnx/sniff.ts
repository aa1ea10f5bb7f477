/** Whether bytes may be an ONNX file. Protobuf has no magic number, so this looks at the first fields of a `ModelProto`. */

/** Field number → wire type (0 varint, 2 length-delimited) of everything that a `ModelProto` may hold. */
const MODEL_FIELDS: Readonly<Record<number, number>> = {
  1: 0, // ir_version
  2: 2, // producer_name
  3: 2, // producer_version
  4: 2, // domain
  5: 0, // model_version
  6: 2, // doc_string
  7: 2, // graph
  8: 2, // opset_import
  14: 2, // metadata_props
  20: 2, // training_info
  25: 2, // functions
  26: 2, // configuration
};
const GRAPH = 7;
/** Fields to look at; a file has `ir_version`, a few texts and the graph. */
const MOST_FIELDS = 64;

/**
 * True when the bytes read as `ModelProto` fields up to the graph, which may be cut short: a truncated file is still
 * an ONNX file. Metadata may come before the graph, so the first field need not be `ir_version`.
 */
export function looksLikeOnnx(bytes: Uint8Array): boolean {
  let position = 0;
  for (let count = 0; count < MOST_FIELDS; count++) {
    const tag = readVarint(bytes, position);
    const field = tag && tag.value >>> 3;
    if (!tag || field === null || MODEL_FIELDS[field] !== (tag.value & 7)) return false;
    const value = readVarint(bytes, tag.end);
    if (!value) return false;
    if (field === GRAPH) return value.value > 0;
    position = (tag.value & 7) === 0 ? value.end : value.end + value.value;
  }
  return false;
}

/** A varint of up to five bytes, or `null` where there is none. */
function readVarint(bytes: Uint8Array, start: number): { value: number; end: number } | null {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: start + i + 1 };
  }
  return null;
}
