/**
 * Which format a file is of, by its first bytes, whatever its name; and what a file is that is no checkpoint: the
 * mistakes that people make with downloads.
 */
import { ModelFormatError } from '../core/errors.js';

export type CheckpointFormat = 'safetensors' | 'pytorch' | 'onnx' | 'keras-h5' | 'keras' | 'tfjs';

/** @throws ModelFormatError for every other format, naming it where it is known */
export function detectFormat(bytes: Uint8Array, fileName: string): CheckpointFormat {
  const [a, b, c, d] = bytes;
  if (a === 0x50 && b === 0x4b && c === 3 && d === 4) return looksLikeKeras(bytes) ? 'keras' : 'pytorch';
  if (a === 0x80 && b !== undefined && b <= 5) return 'pytorch';
  if (bytes[8] === 0x7b && bytes[7] === 0) return 'safetensors';
  if (a === 0x89 && b === 0x48 && c === 0x44 && d === 0x46) return 'keras-h5';
  if (looksLikeTfjs(bytes)) return 'tfjs';
  if (looksLikeOnnx(bytes) && !looksLikeSavedModel(bytes)) return 'onnx';
  throw new ModelFormatError(
    `"${fileName}" is none of the checkpoint formats that can be imported (safetensors, PyTorch, ONNX, Keras, TensorFlow.js): ${describeUnknown(bytes)}`,
    { format: 'unknown', offset: 0 },
  );
}

interface Row {
  /** At this offset the file holds this text. */
  readonly at: number;
  readonly text: string;
  readonly say: string;
}

const ROWS: readonly Row[] = [
  { at: 0, text: '\x1f\x8b', say: 'it is compressed with gzip: unpack it first' },
  { at: 0, text: 'BZh', say: 'it is compressed with bzip2: unpack it first' },
  { at: 0, text: '\xfd7zXZ', say: 'it is compressed with xz: unpack it first' },
  {
    at: 257,
    text: 'ustar',
    say: 'it is a tar archive: unpack it first, or, if PyTorch before 0.1.10 wrote it, load it there and save it again',
  },
  {
    at: 0,
    text: 'version https://git-lfs',
    say: 'it is a Git LFS pointer, not the file: run "git lfs pull", or download the file itself',
  },
  { at: 4, text: 'TFL3', say: 'it is a TensorFlow Lite model: import the Keras model that it was converted from' },
  { at: 4, text: 'ORTM', say: "it is in ONNX Runtime's own format: import the .onnx file that it was converted from" },
  { at: 0, text: '<', say: 'it is a web page or XML, not the file that a link promised: download it again' },
  { at: 0, text: '\x93NUMPY', say: 'it is one NumPy array, not a network' },
  {
    at: 0,
    text: '{',
    say: 'it is JSON, but no TensorFlow.js model.json: an index of sharded weights names files that must be one',
  },
  { at: 0, text: 'PK\x05\x06', say: 'it is an empty zip archive' },
];

/** @returns what can be said of it, or what its first bytes are */
function describeUnknown(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 512));
  if (/^\s*(<\?xml[^>]*>\s*)?<net\s/.test(text))
    return 'it is an OpenVINO model: import the ONNX or Keras file it was made from';
  const row = ROWS.find(({ at, text: magic }) => text.startsWith(magic, at));
  if (row) return row.say;
  if (looksLikeSavedModel(bytes))
    return 'it is a TensorFlow SavedModel: load it with Keras and save it there, model.save("model.keras")';
  if (text.includes('coremltools'))
    return 'it is a Core ML model: import the PyTorch or Keras file it was converted from';
  const start = [...bytes.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return `it begins with ${start || 'nothing'}`;
}

/** Whether a zip archive is Keras', by the names of its entries; nothing is unpacked. */
function looksLikeKeras(bytes: Uint8Array): boolean {
  // The first entry's name follows its header of 30 bytes; the directory of all names is at the end.
  const first = new TextDecoder('latin1').decode(bytes.subarray(30, 30 + (bytes[26] ?? 0)));
  const directory = new TextDecoder('latin1').decode(bytes.subarray(-DIRECTORY_BYTES));
  return FIRST_ENTRIES.has(first) || directory.includes(WEIGHTS);
}

const DIRECTORY_BYTES = 4096;
const WEIGHTS = 'model.weights.h5';
/** Keras writes them in this order; an archive may be cut. */
const FIRST_ENTRIES: ReadonlySet<string> = new Set(['metadata.json', 'config.json', WEIGHTS]);

/** Whether a file is a TensorFlow.js model.json: a JSON document that names one of its two parts early on. */
function looksLikeTfjs(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, HEAD_BYTES));
  return /^\s*\{/.test(start) && /"(modelTopology|weightsManifest)"/.test(start);
}

/** Converters put format and origin before them, a page's `model.save()` puts nothing there. */
const HEAD_BYTES = 4096;

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
 * Protobuf has no magic number: true when the bytes read as `ModelProto` fields up to the graph, which may be cut short: a truncated file is still
 * an ONNX file. Metadata may come before the graph, so the first field need not be `ir_version`.
 */
function looksLikeOnnx(bytes: Uint8Array): boolean {
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

/** One varint (the schema's version, 1), then one message that is nearly all of the file. */
function looksLikeSavedModel(bytes: Uint8Array): boolean {
  const [tag, version, next] = bytes;
  if (tag !== 0x08 || version !== 1 || next !== 0x12) return false;
  const length = readVarint(bytes, 3);
  return length !== null && length.value > 1024 && length.value > bytes.length / 2;
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
