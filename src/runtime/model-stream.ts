/**
 * A model file that is being received: its header is known from the start, its tensors are used while the rest arrives.
 *
 * The body has one buffer of its final size; tensors are views into it. Read one after `waitForBytes` has resolved for its
 * end. Lengths are those of the header: Content-Length counts the bytes of a compressed transfer, and a page does not see
 * Content-Encoding of another origin.
 */
import { DownloadError, ModelFormatError } from '../core/errors.js';
import {
  checkBody,
  describeOtherFile,
  readHeader,
  readWholeHeader,
  type SafetensorsHeader,
  tensorsIn,
} from '../tensor/safetensors.js';
import type { Tensor, TensorMap } from '../tensor/tensor.js';
import { type Download, type ModelSource, type OnBytes, openSource, type Validators } from './download.js';

export class ModelStream {
  readonly tensors: TensorMap;
  /** Bytes of the body that have been received, from its beginning. */
  private received = 0;
  private failure: unknown = null;
  private done: Promise<void> = Promise.resolve();
  private wake = () => {};

  private constructor(
    readonly header: SafetensorsHeader,
    /** The file from its beginning to the end of its header. */
    private readonly start: Uint8Array,
    private readonly body: Uint8Array,
    private readonly download: Download | null,
    private readonly onBytes: OnBytes,
  ) {
    this.tensors = tensorsIn(header, body);
  }

  /**
   * Waits for the header; the rest of a download goes on by itself.
   *
   * @throws ModelFormatError, DownloadError, AbortedError, OptionError
   */
  static async open(source: ModelSource, onBytes: OnBytes, signal?: AbortSignal): Promise<ModelStream> {
    const opened = await openSource(source, signal);
    if (opened instanceof Uint8Array) {
      const header = readWholeHeader(opened);
      const stream = new ModelStream(
        header,
        opened.subarray(0, header.bodyOffset),
        opened.subarray(header.bodyOffset),
        null,
        onBytes,
      );
      stream.received = stream.body.length;
      return stream;
    }
    try {
      const { header, start } = await receiveHeader(opened, onBytes);
      const body = allocateBody(header.bodyLength);
      const stream = new ModelStream(header, start.slice(0, header.bodyOffset), body, opened, onBytes);
      stream.done = stream.receive(start.subarray(header.bodyOffset), opened);
      return stream;
    } catch (error) {
      opened.cancel();
      throw error;
    }
  }

  /** Whether every byte of the body has been received. */
  get isWhole(): boolean {
    return this.received === this.body.length;
  }

  /** Where one of the tensors ends in the body, with its scale; 0 for one that is not in it. */
  endOf({ bytes, scale }: Tensor): number {
    if (bytes.buffer !== this.body.buffer) return 0;
    const end = bytes.byteOffset + bytes.length - this.body.byteOffset;
    return scale ? Math.max(end, this.endOf(scale)) : end;
  }

  /** Resolves when the body has been received up to byte `end`; one caller may wait at a time. @throws what ended it */
  async waitForBytes(end: number): Promise<void> {
    while (this.received < end) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Resolves at the end of the file. @throws likewise, and ModelFormatError when it goes on behind its tensors */
  async waitForEnd(): Promise<void> {
    await this.done;
    if (this.failure) throw this.failure;
  }

  /** The whole file, once it has been received. */
  toBlob(): Blob {
    return new Blob([this.start.slice(), this.body.slice()]);
  }

  /** What the server says of the file's version; nothing for bytes of the caller's. */
  get validators(): Validators {
    return this.download?.validators ?? {};
  }

  /** Ends a download that nobody waits for any longer. */
  cancel(): void {
    this.download?.cancel();
  }

  private async receive(start: Uint8Array, { url, chunks }: Download): Promise<void> {
    try {
      this.take(start);
      for await (const chunk of chunks) this.take(chunk);
      if (!this.isWhole) throw cutOff(url, this.header.bodyOffset + this.received, this.totalBytes);
    } catch (error) {
      this.failure = error;
    } finally {
      this.wake();
    }
  }

  private get totalBytes(): number {
    return this.header.bodyOffset + this.header.bodyLength;
  }

  private take(chunk: Uint8Array): void {
    const received = this.received + chunk.length;
    if (received > this.body.length) checkBody(this.body.length, received);
    this.body.set(chunk, this.received);
    this.received = received;
    this.onBytes(this.header.bodyOffset + received, this.totalBytes);
    this.wake();
  }
}

interface Beginning {
  readonly header: SafetensorsHeader;
  /** The file as far as it has been received, its header at least. */
  readonly start: Uint8Array;
}

async function receiveHeader({ url, chunks }: Download, onBytes: OnBytes): Promise<Beginning> {
  let buffer = new Uint8Array(2 ** 16);
  let received = 0;
  for (;;) {
    const { done, value } = await chunks.next();
    const start = buffer.subarray(0, received);
    if (done) {
      if (describeOtherFile(start)) readWholeHeader(start);
      throw cutOff(url, received, null);
    }
    if (received + value.length > buffer.length) {
      // Twice what is needed, so that a header in a million pieces is not copied a million times.
      const larger = new Uint8Array(2 * (received + value.length));
      larger.set(start);
      buffer = larger;
    }
    buffer.set(value, received);
    received += value.length;
    const header = readHeader(buffer.subarray(0, received), null);
    if (header) return { header, start: buffer.subarray(0, received) };
    onBytes(received, 0);
  }
}

function cutOff(url: string, received: number, total: number | null): DownloadError {
  const where = total === null ? 'inside its header' : `of ${total}`;
  return new DownloadError(
    url,
    200,
    `${url} ended after ${received} bytes ${where}: try again, or upload the file again`,
  );
}

/** Memory that the system hands out as it is written to, so that a header's lie costs nothing. @throws ModelFormatError */
function allocateBody(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new ModelFormatError(
      `a model of ${bytes} bytes does not fit into memory`,
      { format: 'safetensors' },
      { cause },
    );
  }
}
