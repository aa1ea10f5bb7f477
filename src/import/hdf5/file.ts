/**
 * A reader for the HDF5 files that Keras writes through h5py: groups, texts as attributes, and datasets stored in one
 * piece. Everything else is refused by name. Tensors are views of the file; nothing outside it is ever read.
 *
 * Our own, since neither library there is can be bounded: of mutated Keras files h5wasm hangs on some for ever, and
 * jsfive follows shared branches without end (both measured; see docs/importing.md).
 */
import { elementCount, type Tensor } from '../../tensor/tensor.js';
import { readTexts } from './attribute.js';
import { Hdf5Bytes, hdf5Error, UNDEFINED_ADDRESS } from './cursor.js';
import { findMessage, MESSAGE, type Message, readHeader } from './header.js';
import { type Links, readLinks } from './links.js';
import { readElementType, readShape } from './types.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;

export const isHdf5 = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

/** A group, or a dataset, by its path for messages. Opened once per path through {@link openHdf5}'s root. */
export class Hdf5Object {
  private readonly messages: readonly Message[];
  private links: Links | null = null;
  private readonly opened = new Map<string, Hdf5Object>();

  constructor(
    private readonly bytes: Hdf5Bytes,
    address: number,
    readonly path: string,
  ) {
    this.messages = readHeader(bytes, address);
  }

  get isDataset(): boolean {
    return this.messages.some(({ type }) => type === MESSAGE.dataspace);
  }

  /** The names in a group, in the order of the file, which is alphabetical; none in a dataset. */
  keys(): string[] {
    this.links ??= this.isDataset ? new Map() : readLinks(this.bytes, this.messages);
    return [...this.links.keys()];
  }

  /** @param path names with slashes between them */
  get(path: string): Hdf5Object | null {
    let object: Hdf5Object = this;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const child = object.child(name);
      if (!child) return null;
      object = child;
    }
    return object;
  }

  private child(name: string): Hdf5Object | null {
    this.keys();
    const address = this.links?.get(name);
    if (address === undefined) return null;
    const child = this.opened.get(name) ?? new Hdf5Object(this.bytes, address, `${this.path}/${name}`);
    this.opened.set(name, child);
    return child;
  }

  /** One text for a scalar, `null` when there is no such attribute. */
  texts(attribute: string): string[] | null {
    return readTexts(this.bytes, this.messages, attribute);
  }

  /** @throws ModelFormatError when the dataset is stored otherwise than Keras does, or the file is cut */
  tensor(name: string): Tensor {
    const [type, space, layout] = [MESSAGE.datatype, MESSAGE.dataspace, MESSAGE.layout].map((kind) =>
      findMessage(this.messages, kind),
    );
    if (!type || !space || !layout) throw hdf5Error(`"${this.path}" is no dataset`);
    this.checkStorage(layout.address);
    if (findMessage(this.messages, MESSAGE.externalFiles))
      throw hdf5Error(`the data of "${this.path}" is in another file`);
    const element = readElementType(this.bytes, type.address, this.path);
    if (element.kind !== 'number') throw hdf5Error(`"${this.path}" holds no numbers`);
    const shape = readShape(this.bytes, space.address);
    const length = elementCount(shape) * element.size;
    if (length > this.bytes.length) throw hdf5Error(`"${this.path}" would be [${shape}], larger than the file`);
    return { name, dtype: element.dtype, shape, bytes: this.data(layout.address, length) };
  }

  /** The data layout message (IV.A.2.i): its version, and whether the data is inside it (0) or in one piece (1). */
  private checkStorage(layout: number): void {
    const [version, storage] = [this.bytes.u8(layout), this.bytes.u8(layout + 1)];
    if (findMessage(this.messages, MESSAGE.filters) || (storage !== 0 && storage !== 1)) {
      throw hdf5Error(
        `"${this.path}" is chunked or compressed, which Keras never writes: h5repack -f NONE -l CONTI IN.h5 OUT.h5`,
      );
    }
    if (version !== 3 && version !== 4)
      throw hdf5Error(`the storage of "${this.path}" is of the old version ${version}`);
  }

  private data(layout: number, length: number): Uint8Array {
    const [address, stored] =
      this.bytes.u8(layout + 1) === 0
        ? [layout + 4, this.bytes.u16(layout + 2)]
        : [this.bytes.u64(layout + 2), this.bytes.u64(layout + 10)];
    if (length === 0) return new Uint8Array(0);
    if (address === UNDEFINED_ADDRESS || stored < length) throw hdf5Error(`"${this.path}" was never written`);
    return this.bytes.take(address, length);
  }
}

/**
 * @returns the root group
 * @throws ModelFormatError when the file is cut, or is none of the layout that h5py writes by default
 */
export function openHdf5(file: Uint8Array): Hdf5Object {
  if (!isHdf5(file)) throw hdf5Error('it does not begin as one');
  const bytes = new Hdf5Bytes(file);
  const version = bytes.u8(8);
  if (version > 1) {
    throw hdf5Error('it is of the layout that `libver="latest"` writes: save it with Keras, which does not', 8);
  }
  if (bytes.u8(13) !== 8 || bytes.u8(14) !== 8) throw hdf5Error('its addresses are not of 8 bytes', 13);
  const start = version === 0 ? 24 : 28;
  const end = bytes.u64(start + 16);
  if (end > file.length) throw hdf5Error(`it is cut: ${file.length} of its ${end} bytes are here`);
  return new Hdf5Object(bytes, bytes.u64(start + 40), '');
}
