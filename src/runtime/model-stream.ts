/**
 * A model file on its way: known from its header on, used tensor by tensor while the rest streams in.
 *
 * The body has one buffer of its final size; tensors are views into it, to be read once `until` says that their bytes
 * are there.
 */

import { ModelFormatError } from '../core/errors.js';
import { checkBody, readHeader, readWholeHeader, type SafetensorsHeader, tensorsIn } from '../tensor/safetensors.js';
import type { Tensor, TensorMap } from '../tensor/tensor.js';
import { type Download, type ModelSource, type OnBytes, openSource } from './download.js';

export class Arrival {
  readonly tensors: TensorMap;
  /** Bytes of the body that are there, from its beginning. */
  private filled = 0;
  private failure: unknown = null;
  private received: Promise<void> = Promise.resolve();
  private wake = () => {};

  private constructor(
    readonly header: SafetensorsHeader,
    private readonly body: Uint8Array,
    private readonly download: Download | null,
  ) {
    this.tensors = tensorsIn(header, body);
  }

  /**
   * Waits for the header; the rest of a download goes on by itself.
   *
   * @throws ModelFormatError, DownloadError, AbortedError, OptionError
   */
  static async open(source: ModelSource, onBytes: OnBytes, signal?: AbortSignal): Promise<Arrival> {
    const opened = await openSource(source, onBytes, signal);
    const download = opened instanceof Uint8Array ? null : opened;
    try {
      const { header, start } = opened instanceof Uint8Array ? wholeFile(opened) : await beginning(opened);
      const inFile = start.subarray(header.bodyOffset);
      const arrival = new Arrival(header, download ? roomFor(header.bodyLength) : inFile, download);
      if (download) arrival.received = arrival.receive(inFile, download);
      else arrival.filled = inFile.length;
      return arrival;
    } catch (error) {
      download?.cancel();
      throw error;
    }
  }

  /** Whether every byte that the header tells of is there. */
  get isWhole(): boolean {
    return this.filled === this.body.length;
  }

  /** Where one of the tensors ends in the body. */
  endOf({ bytes }: Tensor): number {
    return bytes.byteOffset + bytes.length - this.body.byteOffset;
  }

  /** Resolves when the body is there up to byte `end`; one may wait at a time. @throws what keeps it from arriving */
  async until(end: number): Promise<void> {
    while (this.filled < end) {
      if (this.failure) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Resolves at the end of the file. @throws likewise, and ModelFormatError when it goes on behind its tensors */
  async whole(): Promise<void> {
    await this.received;
    if (this.failure) throw this.failure;
  }

  /** Ends a download that nobody waits for any longer. */
  cancel(): void {
    this.download?.cancel();
  }

  private async receive(start: Uint8Array, { chunks }: Download): Promise<void> {
    try {
      this.take(start);
      for await (const chunk of chunks) this.take(chunk);
      checkBody(this.body.length, this.filled);
    } catch (error) {
      this.failure = error;
    } finally {
      this.wake();
    }
  }

  private take(chunk: Uint8Array): void {
    const filled = this.filled + chunk.length;
    if (filled > this.body.length) checkBody(this.body.length, filled);
    this.body.set(chunk, this.filled);
    this.filled = filled;
    this.wake();
  }
}

interface Beginning {
  readonly header: SafetensorsHeader;
  /** The file as far as it is there, its header at least. */
  readonly start: Uint8Array;
}

const wholeFile = (bytes: Uint8Array): Beginning => ({ header: readWholeHeader(bytes), start: bytes });

async function beginning({ length, chunks }: Download): Promise<Beginning> {
  let room = new Uint8Array(2 ** 16);
  let filled = 0;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) return wholeFile(room.subarray(0, filled));
    if (filled + value.length > room.length) {
      // Twice what is needed, so that a header in a million pieces is not copied a million times.
      const larger = new Uint8Array(2 * (filled + value.length));
      larger.set(room);
      room = larger;
    }
    room.set(value, filled);
    filled += value.length;
    const start = room.subarray(0, filled);
    const header = readHeader(start, length);
    if (header) return { header, start };
  }
}

/** Memory that the system hands out as it is written to, so that a header's lie costs nothing. */
function roomFor(bytes: number): Uint8Array {
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
