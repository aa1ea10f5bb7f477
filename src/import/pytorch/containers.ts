/**
 * The two containers of PyTorch files: zip archives (torch 1.6 and later) and the stream of pickles before. Both give
 * the unpickled object and a way to a storage's bytes.
 */
import { unzipSync } from 'fflate';
import { ModelFormatError } from '../../core/errors.js';
import { DTYPE_BYTES } from '../../tensor/tensor.js';
import type { Budget } from '../budget.js';
import { formatError } from '../format-error.js';
import { ByteCursor } from './cursor.js';
import type { StorageReader } from './tensors.js';
import { unpickle } from './unpickle.js';
import { Instance, type PickleValue, StorageRef, TensorRef } from './values.js';

const pytorchError = formatError('pytorch');

export interface Container {
  readonly root: PickleValue;
  /** Fetches these storages only: a checkpoint's optimiser state is often twice the network. */
  readonly open: (storages: readonly StorageRef[]) => StorageReader;
  /** TorchScript's source texts by file (`__torch__/net.py`); empty for other files. */
  readonly code: ReadonlyMap<string, string>;
}

const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const MAX_ZIP_ENTRIES = 100_000;
/**
 * Bytes out per byte in, and those that any file may have. torch stores without compression; a re-zipped checkpoint of
 * float noise shrinks by a tenth, its pickle by nine tenths.
 */
const MAX_EXPANSION = 2;
const FREE_BYTES = 2 ** 20;

/** @throws ModelFormatError for a damaged archive, an expansion beyond bounds, or one that is no PyTorch file */
export function openZip(bytes: Uint8Array, budget: Budget): Container {
  const all = new Set<string>();
  unzip(bytes, (name) => {
    if (all.has(name)) throw pytorchError(`the zip archive holds ${name} twice`);
    all.add(name);
    return false;
  });
  const names = [...all];
  const pickleName = names.find((name) => /(^|\/)data\.pkl$/.test(name));
  if (names.some((name) => /(^|\/)(archive_format|serialized_exported_program\.json)$/.test(name)))
    throw pytorchError(
      'it is a torch.export archive (.pt2): save the weights with torch.save(net.state_dict(), "net.pth"), or export to ONNX',
    );
  if (pickleName === undefined)
    throw pytorchError(`the zip archive holds no data.pkl; it holds ${names.slice(0, 8).join(', ')}`);
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const head = unzip(bytes, (name) => name === pickleName || name === `${folder}byteorder`);
  const order = head[`${folder}byteorder`];
  if (order && new TextDecoder().decode(order).trim() !== 'little')
    throw pytorchError('it was written on a big-endian machine');
  const root = unpickle(new ByteCursor(head[pickleName] ?? new Uint8Array(0)), budget);
  const code = codeIn(bytes, `${folder}code/`);
  const pathOf = (storage: StorageRef) => `${folder}data/${storage.key}`;
  const open = (wanted: readonly StorageRef[]): StorageReader => {
    const paths = new Set(wanted.map(pathOf));
    const storages = unzip(bytes, (name) => paths.has(name));
    return (storage) => {
      const data = storages[pathOf(storage)];
      const needed = storage.count * elementSize(storage);
      if (data && data.length >= needed) return data;
      throw pytorchError(
        `storage ${storage.key} has ${data?.length ?? 0} of ${needed} bytes; the file may be truncated`,
      );
    };
  };
  return { root, open, code };
}

/** More than the code of any network; a part of a file that is larger is not looked at. */
const MOST_CODE = 2 ** 21;

function codeIn(bytes: Uint8Array, folder: string): ReadonlyMap<string, string> {
  let total = 0;
  const files = unzip(bytes, (name, size) => {
    if (!name.startsWith(folder) || !name.endsWith('.py')) return false;
    total += size;
    return total <= MOST_CODE;
  });
  if (total > MOST_CODE) return new Map();
  return new Map(
    Object.entries(files).map(([name, text]) => [name.slice(folder.length), new TextDecoder().decode(text)]),
  );
}

function unzip(bytes: Uint8Array, wanted: (name: string, size: number) => boolean): Record<string, Uint8Array> {
  let entries = 0;
  let total = 0;
  try {
    return unzipSync(bytes, {
      filter: ({ name, originalSize, size }) => {
        if (++entries > MAX_ZIP_ENTRIES) throw pytorchError(`the zip archive has more than ${MAX_ZIP_ENTRIES} entries`);
        if (!wanted(name, originalSize)) return false;
        total += Math.max(size, originalSize);
        if (total > MAX_EXPANSION * bytes.length + FREE_BYTES)
          throw pytorchError(
            `the zip archive would expand to over ${total} bytes: unzip it, and zip it without compression`,
          );
        return true;
      },
    });
  } catch (cause) {
    if (cause instanceof ModelFormatError) throw cause;
    throw pytorchError('the zip archive is damaged or truncated', { cause });
  }
}

/** @throws ModelFormatError when the stream is not torch's, or ends early */
export function openLegacy(bytes: Uint8Array, budget: Budget): Container {
  const cursor = new ByteCursor(bytes);
  if (unpickle(cursor, budget) !== LEGACY_MAGIC) throw pytorchError('it is a pickle, but not one that torch.save made');
  unpickle(cursor, budget); // the protocol's version, 1001 ever since
  const system = unpickle(cursor, budget);
  if (system instanceof Map && system.get('little_endian') === false)
    throw pytorchError('it was written on a big-endian machine');
  const root = unpickle(cursor, budget);
  const keys = unpickle(cursor, budget);
  const sizes = storageSizes(root, budget);
  const storages = new Map<string, Uint8Array>();
  for (const key of Array.isArray(keys) ? keys : []) {
    const size = typeof key === 'string' ? sizes.get(key) : undefined;
    if (typeof key !== 'string' || size === undefined)
      throw pytorchError(`storage ${typeof key === 'string' ? key : 'without a name'} belongs to no tensor`);
    storages.set(key, cursor.take(cursor.u64() * size));
  }
  const open = (): StorageReader => (storage) => {
    const data = storages.get(storage.key);
    if (!data) throw pytorchError(`storage ${storage.key} is not in the file`);
    return data;
  };
  return { root, open, code: new Map() };
}

/** Storage key → element size: the stream itself gives counts only. */
function storageSizes(root: PickleValue, budget: Budget): Map<string, number> {
  const sizes = new Map<string, number>();
  const seen = new Set<PickleValue>();
  const open: PickleValue[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    budget.entries(1);
    if (value instanceof StorageRef) sizes.set(value.key, elementSize(value));
    else for (const part of partsOf(value)) open.push(part);
  }
  return sizes;
}

function* partsOf(value: PickleValue): Iterable<PickleValue> {
  if (value instanceof TensorRef) yield value.storage;
  else if (value instanceof Map) for (const entry of value) yield* entry;
  else if (value instanceof Instance) yield* [[...value.args], value.state, value.entries, value.items];
  else if (Array.isArray(value)) yield* value;
}

/** An untyped storage counts in bytes. */
function elementSize({ dtype }: StorageRef): number {
  return dtype === null ? 1 : DTYPE_BYTES[dtype];
}
