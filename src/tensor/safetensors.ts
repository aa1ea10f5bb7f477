/**
 * Reader and writer of safetensors files: `u64 header length | JSON header | tensor bytes`.
 *
 * The reader believes nothing: every number is bounded against the file before anything is allocated from it, tensors
 * must tile the body without holes or overlap, and every way to be wrong is a `ModelFormatError`.
 * Format: https://github.com/huggingface/safetensors#format
 */
import { ModelFormatError } from '../core/errors.js';
import { repeatedKey } from '../core/json-keys.js';
import { joinScales, splitScales } from './int8.js';
import { DTYPE_BYTES, type Dtype, isDtype, type Tensor, type TensorMap } from './tensor.js';

/** DenseNet-264 with 22,000 class names needs half of this; parsed, hostile JSON takes forty times its length. */
export const MAX_HEADER_BYTES = 2 * 2 ** 20;
const MAX_DIMENSIONS = 8;

/** Where one tensor lies: bytes [begin, end) of the body. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order in which the tensors lie in the body. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
  /** Where the body begins in the file. */
  readonly bodyOffset: number;
  readonly bodyLength: number;
}

/**
 * Reads the header as soon as it has arrived, so that tensors can be used while the rest streams in.
 *
 * @param bytes the file from its beginning, as far as it is there
 * @param fileLength the whole file's length; `null` if it is not known (it is then the header that says it)
 * @returns the checked header, or `null` when more bytes are needed
 * @throws ModelFormatError for every way to be wrong
 */
export function readHeader(bytes: Uint8Array, fileLength: number | null): SafetensorsHeader | null {
  if (fileLength !== null && fileLength < 10) throw wrong(`the file has ${fileLength} bytes, too few for a header`);
  if (bytes.length < 8) return null;
  const other = describeOtherFile(bytes);
  if (other !== null) throw wrong(`it is ${other}`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = Number(view.getBigUint64(0, true));
  const limit = fileLength === null ? MAX_HEADER_BYTES : Math.min(MAX_HEADER_BYTES, fileLength - 8);
  if (length > limit) throw wrong(`header of ${length} bytes is longer than the ${limit} bytes allowed here`, 0);
  if (length < 2) throw wrong(`header of ${length} bytes is too short`, 0);
  if (bytes.length < 8 + length) return null;
  const bodyOffset = 8 + length;
  const { infos, metadata } = parseHeader(bytes.subarray(8, bodyOffset));
  const ordered = infos.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const bodyLength = checkTiling(ordered, fileLength === null ? null : fileLength - bodyOffset);
  return { entries: new Map(ordered.map((entry) => [entry.name, entry])), metadata, bodyOffset, bodyLength };
}

/** Reads a whole file. The tensors are views into `bytes`, not copies. */
export function readSafetensors(bytes: Uint8Array): { tensors: TensorMap; metadata: ReadonlyMap<string, string> } {
  const header = readWholeHeader(bytes);
  return { tensors: tensorsIn(header, bytes.subarray(header.bodyOffset)), metadata: header.metadata };
}

/** The header of a file that is there from beginning to end. @throws as {@link readHeader} */
export function readWholeHeader(bytes: Uint8Array): SafetensorsHeader {
  const header = readHeader(bytes, bytes.length);
  if (!header) throw wrong('the file ends inside its header');
  return header;
}

/**
 * Views into the body, whose bytes may still be on their way. Integers and their scales are one tensor.
 *
 * @throws ModelFormatError when a scale does not fit its integers
 */
export function tensorsIn(header: SafetensorsHeader, body: Uint8Array): TensorMap {
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, begin, end } of header.entries.values())
    tensors.set(name, { name, dtype, shape, bytes: body.subarray(begin, end) });
  return joinScales(tensors);
}

/** What other files begin with, and what to do about them. */
const OTHER_FILES: readonly (readonly [beginnings: readonly string[], advice: string])[] = [
  [
    ['<!doctype', '<html', '<head', '<?xml'],
    'an HTML page, not a model: is the file where the address says, for example in public/?',
  ],
  [
    ['version https://git-lfs'],
    'a Git LFS pointer, not the file itself: run git lfs pull, or take the address under /resolve/',
  ],
  [['pk\x03\x04'], 'a zip archive (PyTorch or Keras): convert it with densenet-webgpu import'],
  [['\x80'], 'a PyTorch checkpoint: convert it with densenet-webgpu import'],
  [['\x89hdf'], 'an HDF5 file (Keras): convert it with densenet-webgpu import'],
  [['\x08'], 'a protobuf file, perhaps ONNX: convert it with densenet-webgpu import'],
  [['{'], 'a JSON file: if it is the model.json of TensorFlow.js, convert it with densenet-webgpu import'],
];

/** What a file is that is no safetensors file, by its first bytes; null when they say nothing. */
export function describeOtherFile(bytes: Uint8Array): string | null {
  // Behind the length of a header comes its opening brace.
  if (bytes.length < 9 || bytes[8] === 0x7b) return null;
  const text = String.fromCharCode(...bytes.subarray(0, 64))
    .trimStart()
    .toLowerCase();
  return OTHER_FILES.find(([beginnings]) => beginnings.some((beginning) => text.startsWith(beginning)))?.[1] ?? null;
}

function parseHeader(bytes: Uint8Array): { infos: TensorEntry[]; metadata: Map<string, string> } {
  let header: unknown;
  let repeated: string | null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
    repeated = repeatedKey(text);
  } catch (cause) {
    throw wrong('the header is not valid JSON in UTF-8', 8, undefined, cause);
  }
  if (repeated !== null) throw wrong(`the header holds the key "${repeated}" twice`, 8, repeated);
  if (!isRecord(header)) throw wrong('the header is not a JSON object', 8);
  const infos: TensorEntry[] = [];
  let metadata = new Map<string, string>();
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(value);
    else infos.push(parseEntry(name, value));
  }
  return { infos, metadata };
}

function parseMetadata(value: unknown): Map<string, string> {
  if (!isRecord(value)) throw wrong('__metadata__ is not an object');
  const metadata = new Map<string, string>();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw wrong(`__metadata__ key "${key}" is not a string`);
    metadata.set(key, text);
  }
  return metadata;
}

function parseEntry(name: string, value: unknown): TensorEntry {
  if (!isRecord(value)) throw wrong('its header entry is not an object', undefined, name);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype))
    throw wrong(`unknown dtype ${typeof dtype === 'string' ? `"${dtype}"` : `(${typeof dtype})`}`, undefined, name);
  if (!isSizes(shape)) throw wrong('its shape is not a list of non-negative integers', undefined, name);
  if (shape.length > MAX_DIMENSIONS) throw wrong(`${shape.length} dimensions are too many`, undefined, name);
  if (!isSizes(offsets)) throw wrong('its data_offsets are not two non-negative integers', undefined, name);
  const [begin, end, ...rest] = offsets;
  if (begin === undefined || end === undefined || rest.length > 0 || end < begin)
    throw wrong('its data_offsets are not an ordered pair', undefined, name);
  const size = byteSize(shape, dtype);
  if (size === null) throw wrong(`its shape [${shape}] is larger than any file`, undefined, name);
  if (size !== end - begin)
    throw wrong(`[${shape}] of ${dtype} is ${size} bytes, but its data_offsets span ${end - begin}`, begin, name);
  return { name, dtype, shape, begin, end };
}

/** Bytes of a dense tensor, or `null` when a partial product leaves the safe integers. */
function byteSize(shape: readonly number[], dtype: Dtype): number | null {
  let size: number = DTYPE_BYTES[dtype];
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) return null;
  }
  return size;
}

/** The body's length, after checking that the tensors tile it from 0 to its end. */
function checkTiling(ordered: readonly TensorEntry[], bodyLength: number | null): number {
  let position = 0;
  for (const { name, begin, end } of ordered) {
    if (begin < position) throw wrong(`it overlaps the tensor before it by ${position - begin} bytes`, begin, name);
    if (begin > position) throw wrong(`${begin - position} bytes before it belong to no tensor`, position, name);
    position = end;
  }
  if (bodyLength !== null) checkBody(position, bodyLength);
  return position;
}

/** @throws ModelFormatError unless the body has the bytes that its tensors take */
export function checkBody(needed: number, found: number): void {
  if (needed === found) return;
  const what = found < needed ? 'the file is truncated' : 'the file has bytes that belong to no tensor';
  throw wrong(`${what}: its tensors take ${needed} bytes, its body has ${found}`, needed);
}

/**
 * A safetensors file: header padded with spaces so that the body is 8-byte aligned, tensors by descending element
 * size, so that each is aligned to its own.
 */
export function writeSafetensors(
  tensors: Iterable<Tensor>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array<ArrayBuffer> {
  const ordered = splitScales(tensors).sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  const header = new Map<string, unknown>([['__metadata__', Object.fromEntries(metadata)]]);
  let position = 0;
  for (const { name, dtype, shape, bytes } of ordered) {
    if (header.has(name)) throw wrong('the name is used twice', undefined, name);
    header.set(name, { dtype, shape, data_offsets: [position, position + bytes.length] });
    position += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const bodyOffset = 8 + Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(bodyOffset + position).fill(0x20, 8, bodyOffset);
  new DataView(file.buffer).setBigUint64(0, BigInt(bodyOffset - 8), true);
  file.set(text, 8);
  position = bodyOffset;
  for (const { bytes } of ordered) {
    file.set(bytes, position);
    position += bytes.length;
  }
  return file;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((entry) => Number.isSafeInteger(entry) && entry >= 0);
}

function wrong(message: string, offset?: number, tensor?: string, cause?: unknown): ModelFormatError {
  const context = {
    format: 'safetensors',
    ...(offset === undefined ? {} : { offset }),
    ...(tensor === undefined ? {} : { tensor }),
  };
  const subject = tensor === undefined ? '' : `tensor "${tensor}": `;
  // A name may be as long as the header; what is shown of it may not.
  return new ModelFormatError(`bad safetensors file: ${subject}${message}`.slice(0, 999), context, { cause });
}
