/** Object headers (HDF5 file format specification, IV.A.1.a): what a group or a dataset consists of, as messages. */
import { type Hdf5Bytes, hdf5Error } from './cursor.js';

export const MESSAGE = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
} as const;

/** One message: where its body lies. */
export interface Message {
  readonly type: number;
  readonly address: number;
  readonly size: number;
  /** The body is elsewhere, shared with other objects. */
  readonly shared: boolean;
}

const PREFIX = 16;
const MESSAGE_PREFIX = 8;

/** @throws ModelFormatError for a header that is damaged, or of the layout that only `libver="latest"` writes */
export function readHeader(bytes: Hdf5Bytes, address: number): Message[] {
  const version = bytes.u8(address);
  if (version === 0x4f) {
    throw hdf5Error('it is of the layout that `libver="latest"` writes: save it with Keras, which does not', address);
  }
  if (version !== 1) throw hdf5Error(`no object header at byte ${address}`, address);
  const count = bytes.u16(address + 2);
  const blocks = [{ start: address + PREFIX, length: bytes.u32(address + 8) }];
  const messages: Message[] = [];
  for (const { start, length } of blocks) {
    let at = start;
    while (messages.length < count && at + MESSAGE_PREFIX <= start + length) {
      const message = readMessage(bytes, at);
      messages.push(message);
      at = message.address + message.size;
      if (message.type === MESSAGE.continuation) {
        blocks.push({ start: bytes.u64(message.address), length: bytes.u64(message.address + 8) });
      }
    }
  }
  return messages;
}

function readMessage(bytes: Hdf5Bytes, at: number): Message {
  const isShared = (bytes.u8(at + 4) & 2) !== 0;
  return { type: bytes.u16(at), size: bytes.u16(at + 2), shared: isShared, address: at + MESSAGE_PREFIX };
}

/** The one message of a type, or `null`. @throws ModelFormatError when its body is shared, which Keras never writes */
export function findMessage(messages: readonly Message[], type: number): Message | null {
  const message = messages.find((candidate) => candidate.type === type);
  if (message?.shared)
    throw hdf5Error('it uses shared messages (named types), which no Keras file does', message.address);
  return message ?? null;
}
