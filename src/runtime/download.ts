/** The bytes of a model file from wherever the caller has them, or as they are downloaded: with progress, abortable. */
import { AbortedError, DownloadError, isDenseNetError, ModelFormatError, OptionError } from '../core/errors.js';

export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** Called with the bytes so far and the total (0 while unknown). */
export type OnBytes = (loaded: number, total: number) => void;

/** What tells whether a file on a server is still the same, as far as it says. */
export type Validators = Readonly<Partial<Record<'etag' | 'last-modified', string>>>;

/** A file that is being downloaded. */
export interface Download {
  readonly url: string;
  readonly validators: Validators;
  /** Its bytes in order. @throws DownloadError when the connection breaks off; AbortedError; ModelFormatError for no bytes */
  readonly chunks: AsyncGenerator<Uint8Array, void>;
  /** Ends it early. */
  cancel(): void;
}

/**
 * All bytes of a source.
 *
 * @throws DownloadError for a URL that does not answer with a file; AbortedError; OptionError for other sources
 */
export async function readSource(source: ModelSource, onBytes: OnBytes, signal?: AbortSignal): Promise<Uint8Array> {
  const opened = await openSource(source, signal);
  if (opened instanceof Uint8Array) return opened;
  const list: BlobPart[] = [];
  let loaded = 0;
  for await (const chunk of opened.chunks) {
    loaded += chunk.length;
    onBytes(loaded, 0);
    list.push(chunk.slice());
  }
  return new Uint8Array(await new Blob(list).arrayBuffer());
}

/** The bytes, where they are at hand, or their download. Throws as {@link readSource}. */
export async function openSource(source: ModelSource, signal?: AbortSignal): Promise<Uint8Array | Download> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof Blob !== 'undefined' && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof source === 'string' || source instanceof URL) return download(String(source), signal);
  throw new OptionError(
    'source',
    `a model is loaded from a URL, a Blob, an ArrayBuffer or a Uint8Array, not ${source}`,
  );
}

async function download(url: string, signal?: AbortSignal): Promise<Download> {
  try {
    const response = await fetch(addressOf(url), signal ? { signal } : {});
    const { ok, status, statusText, body, headers } = response;
    if (!ok) throw new DownloadError(url, status, `${url} answered ${status} ${statusText}: check the address`);
    const reader = body?.getReader();
    const validators = { ...validator(headers, 'etag'), ...validator(headers, 'last-modified') };
    return {
      url,
      validators,
      chunks: chunksOf(url, reader, signal),
      cancel: () => void reader?.cancel().catch(() => {}),
    };
  } catch (cause) {
    throw failed(url, cause, signal);
  }
}

const validator = (headers: Headers, name: keyof Validators): Validators => {
  const value = headers.get(name);
  return value === null ? {} : { [name]: value };
};

/** @throws DownloadError for a path where there is no page that it could be relative to */
function addressOf(url: string): string {
  if (URL.canParse(url, globalThis.document?.baseURI ?? globalThis.location?.href)) return url;
  throw new DownloadError(
    url,
    null,
    `${url} is a path, and there is no page here that it could be relative to: read the file and pass its bytes, load(readFileSync(path))`,
  );
}

async function* chunksOf(
  url: string,
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  let isEmpty = true;
  for (;;) {
    const { done, value } = (await reader?.read().catch((cause: unknown) => {
      throw failed(url, cause, signal);
    })) ?? { done: true, value: undefined };
    if (done) break;
    isEmpty &&= value.length === 0;
    yield value;
  }
  if (isEmpty) throw new ModelFormatError(`${url} is empty`, { format: 'safetensors' });
}

function failed(url: string, cause: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return new AbortedError(`loading ${url}`, { cause: signal.reason });
  if (isDenseNetError(cause)) return cause;
  return new DownloadError(url, null, `${url} could not be fetched (offline, blocked, or no CORS headers)`, { cause });
}
