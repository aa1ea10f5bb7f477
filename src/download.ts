/** A model's bytes from wherever the caller has them, with progress, abortable. */
import { AbortedError, DownloadError, ModelFormatError, OptionError } from './errors.js';

export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/**
 * @param onBytes called with bytes so far and the total (0 while unknown)
 * @throws DownloadError for a URL that does not answer with a whole file; AbortedError; OptionError for other sources
 */
export async function readSource(
  source: ModelSource,
  onBytes: (loaded: number, total: number) => void,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof Blob !== 'undefined' && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source === 'string' || source instanceof URL) return download(String(source), onBytes, signal);
  throw new OptionError('source', 'a model is loaded from a URL, a Blob, an ArrayBuffer or a Uint8Array');
}

async function download(
  url: string,
  onBytes: (loaded: number, total: number) => void,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  try {
    const response = await fetch(url, signal ? { signal } : {});
    if (!response.ok) {
      throw new DownloadError(
        url,
        response.status,
        `${url} answered ${response.status} ${response.statusText}: check the address`,
      );
    }
    const body = await collect(response, onBytes);
    if (body.length === 0) throw new ModelFormatError(`${url} is empty`, { format: 'safetensors' });
    return body;
  } catch (cause) {
    if (signal?.aborted) throw new AbortedError(`loading ${url}`, { cause: signal.reason });
    if (cause instanceof DownloadError || cause instanceof ModelFormatError) throw cause;
    throw new DownloadError(url, null, `${url} could not be fetched (offline, blocked, or no CORS headers)`, { cause });
  }
}

async function collect(response: Response, onBytes: (loaded: number, total: number) => void): Promise<Uint8Array> {
  const encoded = response.headers.get('content-encoding') !== null;
  const total = encoded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let loaded = 0;
  for (const reader = response.body?.getReader(); reader; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    loaded += value.length;
    onBytes(loaded, total);
  }
  if (total > 0 && loaded !== total) {
    throw new DownloadError(
      response.url,
      response.status,
      `${response.url} ended after ${loaded} of ${total} bytes: try again`,
    );
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
