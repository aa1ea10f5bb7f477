/** A file's bytes from a URL as they come, with progress, abortable; or all of them, from wherever the caller has them. */
import { AbortedError, DownloadError, isDenseNetError, ModelFormatError, OptionError } from '../core/errors.js';

export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** Called with the bytes so far and the total (0 while unknown). */
export type OnBytes = (loaded: number, total: number) => void;

/** A file that is being downloaded. */
export interface Download {
  /** The whole file's length; `null` while unknown. */
  readonly length: number | null;
  /** Its bytes in order. @throws DownloadError when it breaks off; AbortedError */
  readonly chunks: AsyncGenerator<Uint8Array, void>;
  /** Ends it early. */
  cancel(): void;
}

/**
 * All the bytes of a source.
 *
 * @throws DownloadError for a URL that does not answer with a whole file; AbortedError; OptionError for other sources
 */
export async function readSource(source: ModelSource, onBytes: OnBytes, signal?: AbortSignal): Promise<Uint8Array> {
  const opened = await openSource(source, onBytes, signal);
  return opened instanceof Uint8Array ? opened : joinChunks(opened.chunks);
}

/** The bytes, where they are at hand, or their download. Throws as {@link readSource}. */
export async function openSource(
  source: ModelSource,
  onBytes: OnBytes,
  signal?: AbortSignal,
): Promise<Uint8Array | Download> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof Blob !== 'undefined' && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source === 'string' || source instanceof URL) return download(String(source), onBytes, signal);
  throw new OptionError('source', 'a model is loaded from a URL, a Blob, an ArrayBuffer or a Uint8Array');
}

async function download(url: string, onBytes: OnBytes, signal?: AbortSignal): Promise<Download> {
  try {
    const response = await fetch(url, signal ? { signal } : {});
    const { ok, status, statusText, headers } = response;
    if (!ok) throw new DownloadError(url, status, `${url} answered ${status} ${statusText}: check the address`);
    // What is encoded on its way has another length than what arrives.
    const length = headers.get('content-encoding') === null ? Number(headers.get('content-length') ?? 0) : 0;
    const reader = response.body?.getReader();
    return {
      length: length || null,
      chunks: chunksOf(url, reader, length, onBytes, signal),
      cancel: () => void reader?.cancel().catch(() => {}),
    };
  } catch (cause) {
    throw failed(url, cause, signal);
  }
}

async function* chunksOf(
  url: string,
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  length: number,
  onBytes: OnBytes,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let loaded = 0;
  try {
    while (reader) {
      const { done, value } = await reader.read();
      if (done) break;
      loaded += value.length;
      onBytes(loaded, length);
      yield value;
    }
  } catch (cause) {
    throw failed(url, cause, signal);
  }
  if (loaded === 0) throw new ModelFormatError(`${url} is empty`, { format: 'safetensors' });
  if (length > 0 && loaded !== length)
    throw new DownloadError(url, 200, `${url} ended after ${loaded} of ${length} bytes: try again`);
}

function failed(url: string, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return new AbortedError(`loading ${url}`, { cause: signal.reason });
  if (isDenseNetError(cause)) return cause;
  return new DownloadError(url, null, `${url} could not be fetched (offline, blocked, or no CORS headers)`, { cause });
}

/** All chunks as one array. */
export async function joinChunks(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const list: BlobPart[] = [];
  for await (const chunk of chunks) list.push(chunk.slice());
  return new Uint8Array(await new Blob(list).arrayBuffer());
}
